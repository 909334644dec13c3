for (const input of document.querySelectorAll(".slider input")) {
  const move = () => input.parentElement.style.setProperty("--at", `${input.value}%`);
  input.addEventListener("input", move);
  move(); // a browser that goes back to a page puts the line where it was
}
