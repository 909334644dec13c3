for (const gallery of document.querySelectorAll(".gallery")) {
  const form = gallery.querySelector(".controls"), sheet = gallery.querySelector(".sheet");
  const items = [...sheet.children], fields = form.elements, filters = [...form.querySelectorAll("[data-kind]")];

  const choose = () => {
    for (const side of ["left", "right"]) {
      const name = fields[side].value;
      for (const each of gallery.querySelectorAll(".version")) each.classList.toggle(side, each.dataset.name === name);
      for (const each of gallery.querySelectorAll(`.side.${side}`)) each.textContent = name;
    }
  };
  const order = () => {
    const rank = item => JSON.parse(item.dataset.ranks)[fields.order.value];
    items.sort((one, other) => rank(one) - rank(other));
    sheet.append(...items);
  };
  const filter = () => {
    for (const item of items) {
      const kinds = JSON.parse(item.dataset.kinds);
      item.hidden = !filters.every(one => one.value === "" || kinds[one.dataset.kind].includes(one.value));
    }
    const shown = items.filter(item => !item.hidden).length;
    const all = `${items.length} picture${items.length === 1 ? "" : "s"}`;
    gallery.querySelector(".count").textContent = shown < items.length ? `${shown} of ${all}` : all;
  };
  const move = () => {
    for (const input of sheet.querySelectorAll("input")) {
      input.value = fields.line.value;
      input.dispatchEvent(new Event("input"));
    }
  };
  const zoom = () => gallery.style.setProperty("--zoom", fields.zoom.value);
  const error = () => {
    // the browser draws the difference of two pictures that lie over each other
    if (fields.error.checked && !gallery.querySelector("img.reference")) {
      for (const item of items) {
        const clean = [...item.querySelectorAll(".version")].find(each => each.dataset.name === gallery.dataset.reference);
        for (const each of item.querySelectorAll(".shown")) {
          const copy = clean.querySelector("img").cloneNode();
          copy.className = "reference";
          copy.alt = "";
          each.append(copy);
        }
      }
    }
    gallery.classList.toggle("error", fields.error.checked);
    form.querySelector(".amplified").hidden = !fields.error.checked;
  };
  const gain = () => {
    gallery.style.setProperty("--gain", fields.gain.value);
    form.querySelector(".times").textContent = fields.gain.value;
  };
  const beside = () => gallery.classList.toggle("beside", fields.beside.checked);

  const actions = { left: choose, right: choose, order, line: move, zoom, error, gain, beside };
  form.addEventListener("input", event => (actions[event.target.name] ?? filter)());
  form.addEventListener("submit", event => event.preventDefault());
  form.hidden = false;
  fields.zoom.value = getComputedStyle(gallery).getPropertyValue("--zoom");
  // a browser that goes back to a page keeps what was chosen
  for (const act of [choose, filter, error, gain, beside]) act();
  if (fields.order) order();
}
