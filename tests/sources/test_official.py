"""The official download, against a real HTTP server on loopback."""

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import asdict, replace
from itertools import pairwise

import pytest

from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.params import SvhnSettings
from svhn_denoiser.sources import official
from svhn_denoiser.sources.retrying_download import Patience
from tests.patience import SOON
from tests.sources.scripted_server import cut_off, hang, hang_at_once, no_headers, other, status, whole

TRAIN, TEST = "train_32x32.mat", "test_32x32.mat"
SIZE = 300_000  # of the train file that the server serves


class Download:
    """The table's files into a cache of the test's own; remembers the pauses instead of waiting."""

    def __init__(self, table, cache):
        self.table, self.cache, self.pauses = table, cache, []

    def __call__(self, *mirrors, files=None, timeout=SOON, tries=4):
        patience = Patience(timeout, tries, self.pauses.append)
        return official.fetch(self.table if files is None else files, mirrors, self.cache, patience)

    def train(self, *mirrors, **how):
        (path,) = self(*mirrors, files=self.table[:1], **how)
        return path.read_bytes()

    @property
    def part(self):
        return self.cache / f"{TRAIN}.part"


@pytest.fixture
def download(table, tmp_path):
    return Download(table, tmp_path / "cache")


def sent_once(server, name=TRAIN, size=SIZE):
    """Whether the server sent each byte of a file, and none of them twice."""
    sent = [request.sent for request in server.requests if request.name == name and len(request.sent)]
    return sent[0].start == 0 and sent[-1].stop == size and all(a.stop == b.start for a, b in pairwise(sent))


# --- whole ---------------------------------------------------------------------------------------------------------


def test_both_files_arrive_whole_in_one_request_each(server, contents, download):
    paths = download(server.address)

    assert {path.name: path.read_bytes() for path in paths} == contents
    assert [(request.name, request.range) for request in server.requests] == [(TRAIN, None), (TEST, None)]
    assert download.pauses == []


def test_nothing_but_the_files_stays_in_the_cache(server, contents, download):
    download(server.address)

    assert {path.name for path in download.cache.iterdir() if path.suffix != ".lock"} == set(contents)


def test_a_second_fetch_makes_no_request(server, contents, download):
    download(server.address)
    server.requests.clear()

    assert download.train(server.address) == contents[TRAIN]
    assert server.requests == []


def test_a_second_fetch_needs_no_server(server, contents, download):
    download(server.address)
    server.close()

    assert download.train(server.address) == contents[TRAIN]


def test_a_file_that_went_bad_in_the_cache_is_fetched_again(server, contents, download):
    download(server.address)
    (download.cache / TRAIN).write_bytes(b"rotten" + contents[TRAIN][6:])

    assert download.train(server.address) == contents[TRAIN]


def test_a_file_without_a_stated_length_arrives(server, contents, download):
    server.script[TRAIN] = [whole(length=False)]

    assert download.train(server.address) == contents[TRAIN]


# --- cut off and resumed -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [1, 1000, SIZE // 2, SIZE - 1])
def test_a_transfer_that_is_cut_off_goes_on_at_the_next_byte(server, contents, download, at):
    server.script[TRAIN] = [cut_off(at)]

    assert download.train(server.address) == contents[TRAIN]
    assert server.ranges() == [None, f"bytes={at}-"]
    assert sent_once(server)


@pytest.mark.parametrize("failure", [no_headers(), cut_off(0)], ids=["before the headers", "after the headers"])
def test_a_transfer_that_is_cut_off_before_its_first_byte_starts_again(server, contents, download, failure):
    server.script[TRAIN] = [failure]

    assert download.train(server.address) == contents[TRAIN]
    assert server.ranges() == [None, None]


def test_a_transfer_of_unknown_length_that_is_cut_off_goes_on(server, contents, download):
    server.script[TRAIN] = [cut_off(1234, length=False)]

    assert download.train(server.address) == contents[TRAIN]
    assert server.ranges() == [None, "bytes=1234-"]


def test_a_transfer_that_is_cut_off_again_and_again_fetches_no_byte_twice(server, contents, download):
    server.script[TRAIN] = [cut_off(at) for at in (100, 70_000, SIZE - 1)]

    assert download.train(server.address) == contents[TRAIN]
    assert server.ranges() == [None, "bytes=100-", "bytes=70000-", f"bytes={SIZE - 1}-"]
    assert sent_once(server)


def test_what_has_arrived_waits_for_the_next_fetch(server, contents, download):
    server.script[TRAIN] = [cut_off(200_000), status(503)]
    with pytest.raises(DenoiserError):
        download(server.address, tries=2)
    assert download.part.read_bytes() == contents[TRAIN][:200_000]
    assert not (download.cache / TRAIN).exists()

    assert download.train(server.address) == contents[TRAIN]
    assert server.requests[-1].range == "bytes=200000-"
    assert sent_once(server)


def test_a_line_that_breaks_often_but_brings_much_is_not_given_up(server, download):
    content = os.urandom(1 << 20) * 6
    server.files[TRAIN] = content
    server.script[TRAIN] = [cut_off(n << 20) for n in (1, 2, 3, 4, 5)]
    big = official.RemoteFile(TRAIN, len(content), hashlib.sha256(content).hexdigest())

    (path,) = download(server.address, files=[big], tries=2)

    assert path.read_bytes() == content
    assert download.pauses == [1, 1, 1, 1, 1]


FETCH = """
import json, sys
from pathlib import Path
from svhn_denoiser.sources import official
from svhn_denoiser.sources.retrying_download import Patience

files, mirrors, cache = json.load(sys.stdin)
official.fetch([official.RemoteFile(**file) for file in files], mirrors, Path(cache), Patience(600, 4))
"""


def start_process(download, *mirrors):
    process = subprocess.Popen([sys.executable, "-c", FETCH], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdin.write(json.dumps([[asdict(file) for file in download.table], mirrors, str(download.cache)]))
    process.stdin.close()
    return process


def wait_until(happened):
    end = time.monotonic() + SOON
    while not happened():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def test_a_killed_process_leaves_what_it_has_and_the_next_goes_on(server, contents, download):
    server.script[TRAIN] = [hang(1_000)]
    process = start_process(download, server.address)
    wait_until(lambda: download.part.exists() and download.part.stat().st_size == 1_000)
    process.send_signal(signal.SIGKILL)
    process.wait()

    assert download.train(server.address) == contents[TRAIN]
    assert server.ranges() == [None, "bytes=1000-"]
    assert sent_once(server)


def test_two_processes_at_once_fetch_each_file_once(server, contents, download):
    server.script[TRAIN] = [hang(100_000)]
    processes = [start_process(download, server.address) for _ in range(2)]
    first_lines = sorted(process.stderr.readline() for process in processes)
    server.released.set()

    assert [process.wait() for process in processes] == [0, 0]
    assert first_lines == [
        f"{TRAIN}: fetching 0.3 MB from {server.address}{TRAIN}\n",
        f"{TRAIN}: waiting for another process that fetches it\n",
    ]
    assert {name: (download.cache / name).read_bytes() for name in contents} == contents
    assert [request.name for request in server.requests] == [TRAIN, TRAIN, TEST]
    assert sent_once(server)


# --- servers with a mind of their own ------------------------------------------------------------------------------


def test_a_server_that_ignores_range_sends_the_whole_file_again(server, contents, download):
    server.script[TRAIN] = [cut_off(1000, ranges=False), whole(ranges=False)]

    assert download.train(server.address) == contents[TRAIN]
    assert server.ranges() == [None, "bytes=1000-"]


def test_a_server_that_refuses_the_range_is_asked_for_the_whole_file(server, contents, download):
    server.script[TRAIN] = [cut_off(1000), status(416)]

    assert download.train(server.address) == contents[TRAIN]
    assert server.ranges() == [None, "bytes=1000-", None]


def test_a_server_that_sends_another_range_is_asked_for_the_whole_file(server, contents, download):
    server.script[TRAIN] = [cut_off(1000), status(206, b"abc", Content_Range=f"bytes 0-2/{SIZE}")]

    assert download.train(server.address) == contents[TRAIN]
    assert server.ranges() == [None, "bytes=1000-", None]


def test_a_partial_file_that_is_too_long_is_thrown_away(server, contents, download):
    download.cache.mkdir()
    download.part.write_bytes(contents[TRAIN] + b"more")

    assert download.train(server.address) == contents[TRAIN]
    assert server.ranges() == [None]


def test_a_partial_file_that_lacks_nothing_is_checked_and_used(server, contents, download):
    download.cache.mkdir()
    download.part.write_bytes(contents[TRAIN])

    assert download.train(server.address) == contents[TRAIN]
    assert server.requests == []


def test_a_partial_file_of_other_bytes_does_not_spoil_the_download(server, contents, download):
    download.cache.mkdir()
    download.part.write_bytes(b"0" * 1000)

    assert download.train(server.address) == contents[TRAIN]
    assert server.ranges() == ["bytes=1000-", None]


def test_a_file_that_changes_between_two_pieces_is_fetched_again_from_the_start(server, contents, download):
    def before_the_change(handler, content):
        cut_off(1000)(handler, content[::-1])

    server.script[TRAIN] = [before_the_change]

    assert download.train(server.address) == contents[TRAIN]
    assert server.ranges() == [None, "bytes=1000-", None]


def test_a_file_that_has_another_size_now_is_refused_without_fetching_it(server, contents, download):
    server.files[TRAIN] += b"more"
    with pytest.raises(DenoiserError, match=r"has a file of 300004 bytes; expected 300000"):
        download(server.address)
    assert not download.part.exists()

    server.files[TRAIN] = contents[TRAIN]
    server.script[TRAIN] = [cut_off(1000), other(contents[TRAIN] + b"more")]
    with pytest.raises(DenoiserError, match=r"has a file of 300004 bytes; expected 300000"):
        download(server.address)


def test_a_server_that_sends_more_than_it_should_is_refused(server, download):
    server.files[TRAIN] += b"more"
    server.script[TRAIN] = [whole(length=False)]

    with pytest.raises(DenoiserError, match="sends more than the 300,000 bytes expected"):
        download(server.address)


# --- wrong bytes ---------------------------------------------------------------------------------------------------


def test_wrong_bytes_are_deleted_and_named(server, contents, download):
    server.files[TRAIN] = contents[TRAIN][::-1]

    with pytest.raises(DenoiserError, match=f"{server.address}{TRAIN}: wrong bytes: their sha256 is not"):
        download(server.address)

    assert [path for path in download.cache.iterdir() if path.suffix != ".lock"] == []
    assert server.ranges() == [None], "asking the same server again cannot help"


def test_wrong_bytes_from_one_mirror_are_replaced_from_the_next(server, second_server, contents, download):
    server.files[TRAIN] = contents[TRAIN][::-1]

    assert download.train(server.address, second_server.address) == contents[TRAIN]
    assert second_server.ranges() == [None]


def test_a_web_page_in_place_of_the_file_is_refused_and_the_part_kept(server, contents, download):
    download.cache.mkdir()
    download.part.write_bytes(contents[TRAIN][:1000])
    server.script[TRAIN] = [status(200, b"<html>Please log in", Content_Type="text/html; charset=utf-8")]

    with pytest.raises(DenoiserError, match="answers with a web page in place of the file"):
        download(server.address)
    assert download.part.read_bytes() == contents[TRAIN][:1000]


# --- errors, pauses, time-outs -------------------------------------------------------------------------------------


def test_404_is_not_tried_again(server, download):
    del server.files[TRAIN]

    with pytest.raises(DenoiserError, match=f"{server.address}{TRAIN}: HTTP 404 Not Found"):
        download(server.address)
    assert len(server.requests) == 1
    assert download.pauses == []


@pytest.mark.parametrize("code", [500, 502, 503, 408])
def test_a_server_in_trouble_is_tried_again(server, contents, download, code):
    server.script[TRAIN] = [status(code)]

    assert download.train(server.address) == contents[TRAIN]
    assert download.pauses == [1]


def test_pauses_grow_up_to_a_minute_and_tries_end(server, download):
    server.script[TRAIN] = [status(500)] * 20

    with pytest.raises(DenoiserError, match=r"HTTP 500 Internal Server Error \(9 tries\)"):
        download(server.address, tries=9)
    assert download.pauses == [1, 2, 4, 8, 16, 32, 60, 60]
    assert len(server.requests) == 9


def test_429_waits_as_long_as_the_server_asks(server, contents, download):
    server.script[TRAIN] = [status(429, Retry_After="7"), status(429), status(429, Retry_After="99999")]

    assert download.train(server.address) == contents[TRAIN]
    assert download.pauses == [7, 2, 60]


@pytest.mark.parametrize(
    ("failure", "reason", "then"),
    [
        (hang_at_once(), "no answer within 1.5 s", None),
        (hang(40_000), "sent nothing for 1.5 s after 40,000 of 300,000 bytes", "bytes=40000-"),
    ],
    ids=["before the headers", "in the middle"],
)
def test_a_server_that_hangs_is_left_and_tried_again(server, contents, download, capsys, failure, reason, then):
    server.script[TRAIN] = [failure]

    assert download.train(server.address, timeout=1.5) == contents[TRAIN]
    assert f"{server.address}{TRAIN}: {reason}; trying again in 1 s" in capsys.readouterr().err
    assert server.ranges() == [None, then]
    assert sent_once(server)


@pytest.mark.timeout(SOON)
def test_a_server_that_always_hangs_is_given_up(server, download):
    server.script[TRAIN] = [hang_at_once()] * 5

    with pytest.raises(DenoiserError, match=r"no answer within 0\.2 s \(2 tries\)"):
        download(server.address, timeout=0.2, tries=2)


@pytest.fixture
def nobody():
    """An address on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/housenumbers/"


def test_no_server_at_all_says_what_to_do_offline(nobody, download):
    with pytest.raises(DenoiserError) as failure:
        download(nobody)

    message = str(failure.value)
    assert f"{nobody}{TRAIN}: no connection: Connection refused (4 tries)" in message
    for way_out in ("SVHN_DENOISER_MIRROR", "file://", "download.source to mat", "synthetic"):
        assert way_out in message
    assert download.pauses == [1, 2, 4]


def test_an_address_that_is_none_is_named(download):
    with pytest.raises(DenoiserError, match=r"http:///train_32x32\.mat: cannot be asked"):
        download("http:///")


# --- mirrors -------------------------------------------------------------------------------------------------------


def test_the_second_mirror_takes_over_where_the_first_broke_off(server, second_server, contents, download):
    server.script[TRAIN] = [cut_off(111_111), status(404)]

    assert download.train(server.address, second_server.address) == contents[TRAIN]
    assert second_server.ranges() == ["bytes=111111-"]


def test_a_failure_says_of_every_address_how_it_failed(server, second_server, nobody, download):
    del server.files[TRAIN]
    second_server.script[TRAIN] = [status(503)]

    with pytest.raises(DenoiserError) as failure:
        download(server.address, second_server.address, nobody, "file:///nowhere/", tries=1)

    assert str(failure.value).splitlines()[:5] == [
        "train_32x32.mat: no address gave this file.",
        f"  {server.address}{TRAIN}: HTTP 404 Not Found",
        f"  {second_server.address}{TRAIN}: HTTP 503 Service Unavailable (1 try)",
        f"  {nobody}{TRAIN}: no connection: Connection refused (1 try)",
        f"  file:///nowhere/{TRAIN}: No such file or directory",
    ]


@pytest.fixture
def folder_mirror(contents, tmp_path):
    folder = tmp_path / "a mirror"
    folder.mkdir()
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    return folder


def test_a_folder_serves_as_mirror(folder_mirror, contents, download):
    paths = download(folder_mirror.as_uri() + "/")

    assert {path.name: path.read_bytes() for path in paths} == contents


def test_a_folder_with_a_file_that_is_cut_off_is_refused(folder_mirror, contents, download):
    (folder_mirror / TRAIN).write_bytes(contents[TRAIN][:1000])

    with pytest.raises(DenoiserError, match="has a file of 1000 bytes; expected 300000"):
        download(folder_mirror.as_uri() + "/")


def test_a_folder_with_wrong_bytes_is_refused(folder_mirror, contents, download):
    (folder_mirror / TRAIN).write_bytes(contents[TRAIN][::-1])

    with pytest.raises(DenoiserError, match="wrong bytes"):
        download(folder_mirror.as_uri() + "/")


def test_the_mirror_of_the_environment_comes_first(monkeypatch):
    monkeypatch.setenv("SVHN_DENOISER_MIRROR", "https://example.org/svhn")

    assert official.mirrors(["http://a/", "https://example.org/svhn/", "http://b"]) == [
        "https://example.org/svhn/",
        "http://a/",
        "http://b/",
    ]


def test_a_mirror_of_the_environment_that_is_no_address_is_refused(monkeypatch):
    monkeypatch.setenv("SVHN_DENOISER_MIRROR", "/srv/svhn")

    with pytest.raises(DenoiserError, match=r"SVHN_DENOISER_MIRROR = /srv/svhn: is no address.*file:///srv/svhn"):
        official.mirrors(["http://a/"])


@pytest.fixture
def copy(server, table, monkeypatch, tmp_path):
    """The files that `official.copy` puts into a folder, with the server as configured mirror."""
    monkeypatch.setenv("SVHN_DENOISER_CACHE", str(tmp_path / "my cache"))
    extra = b"extra" * 1000
    server.files["extra_32x32.mat"] = extra
    table = [*table, official.RemoteFile("extra_32x32.mat", len(extra), hashlib.sha256(extra).hexdigest())]

    def into(target, table=table, **changes):
        settings = {"extra": False, "mirrors": [server.address], "timeout": SOON, "retries": 1} | changes
        target.mkdir(exist_ok=True)
        official.copy(SvhnSettings(**settings), target, table)
        return {path.name: path.read_bytes() for path in target.iterdir()}

    return into


def test_a_second_clone_downloads_nothing(copy, server, contents, tmp_path):
    assert copy(tmp_path / "first clone") == contents
    server.close()

    assert copy(tmp_path / "second clone") == contents
    assert {path.name for path in (tmp_path / "my cache").glob("*.mat")} == set(contents)
    assert len(server.requests) == 2


def test_the_extra_file_comes_if_asked_for(copy, server, contents, tmp_path):
    assert copy(tmp_path / "raw", extra=True) == server.files
    assert set(server.files) - set(contents) == {"extra_32x32.mat"}


def test_changing_a_copy_does_not_change_the_cache(copy, contents, tmp_path):
    copy(tmp_path / "raw")
    with (tmp_path / "raw" / TRAIN).open("r+b") as file:
        file.write(b"changed in place")

    assert copy(tmp_path / "raw") == contents


def test_the_mirror_of_the_environment_is_used_before_the_configured(
    copy, server, folder_mirror, contents, monkeypatch, tmp_path
):
    monkeypatch.setenv("SVHN_DENOISER_MIRROR", folder_mirror.as_uri())

    assert copy(tmp_path / "raw") == contents
    assert server.requests == []


def test_files_that_are_not_the_official_ones_are_refused_before_a_byte_is_fetched(copy, server, tmp_path):
    with pytest.raises(DenoiserError, match=r"has a file of 300000 bytes; expected 182040794"):
        copy(tmp_path / "raw", table=official.OFFICIAL)

    assert list((tmp_path / "raw").iterdir()) == []


# --- the cache -----------------------------------------------------------------------------------------------------


def test_the_cache_is_where_the_system_keeps_caches_of_the_user(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    assert official.cache().name == "svhn-denoiser"


def test_a_cache_that_cannot_be_made_is_named(server, table, tmp_path):
    (tmp_path / "taken").write_text("a file, no folder")

    with pytest.raises(DenoiserError, match=r"taken/cache.*SVHN_DENOISER_CACHE"):
        Download(table, tmp_path / "taken" / "cache")(server.address)


def test_without_a_terminal_each_file_is_one_line(server, download, capsys):
    download(server.address)

    assert capsys.readouterr().err.splitlines() == [
        f"{TRAIN}: fetching 0.3 MB from {server.address}{TRAIN}",
        f"{TEST}: fetching 0.1 MB from {server.address}{TEST}",
    ]


def test_the_table_has_the_official_sizes():
    sizes = {file.name: file.size for file in official.OFFICIAL}

    assert sizes == {TRAIN: 182_040_794, TEST: 64_275_384, "extra_32x32.mat": 1_329_278_602}
    assert all(len(bytes.fromhex(file.sha256)) == 32 for file in official.OFFICIAL)


def test_a_wrong_sum_in_the_table_is_found(server, table, download):
    with pytest.raises(DenoiserError, match="wrong bytes"):
        download(server.address, files=[replace(table[0], sha256="0" * 64)])
