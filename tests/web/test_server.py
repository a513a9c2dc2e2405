"""The studio's server: who may ask, what is taken in, what is rendered, what is kept."""

import json
import os
import re
import signal
import sqlite3
from pathlib import Path

import httpx
import numpy as np
import pytest

from dialin.audio import read_audio
from dialin.effects.chain import chain_uri
from dialin.rendering import Job, RenderPool
from dialin.web.guard import HEADERS
from dialin.web.library import safe_name
from tests.cli.runner import dialin
from tests.plugins import MDA, needs_lv2
from tests.web.running import EXAMPLES, PATIENCE, running, until

STATIC = Path(__file__).resolve().parents[2] / "src" / "dialin" / "web" / "static"


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    with running(tmp_path_factory.mktemp("library"), "--max-upload", "8", "--workers", "2") as made:
        yield made


def knobs(uri, *settings, **more):
    return {"uri": uri, "settings": list(settings), **more}


# -- who may ask --------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/api/studio", "/static/app.js", "/api/openapi.json"])
def test_without_the_token_nothing_is_let_in(studio, path):
    for asked in (path, f"{path}?token=guessed"):
        answer = httpx.get(
            studio.origin + asked, headers={"Cookie": "dialin=guessed"}, timeout=PATIENCE
        )
        assert answer.status_code == 403
        assert studio.token not in answer.text
        assert "set-cookie" not in answer.headers


def test_the_address_lets_in_and_the_cookie_it_gives_goes_on_letting_in(studio):
    with httpx.Client(base_url=studio.origin, timeout=PATIENCE) as browser:
        page = browser.get(studio.address)
        assert page.status_code == 200 and "dialin studio" in page.text
        cookie = page.headers["set-cookie"]
        assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
        assert browser.get("/api/studio").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "studio.example.com"},
        {"Host": "127.0.0.1.example.com:1"},
        {"Host": "localhost:1"},
        {"Host": ""},
        {"Host": "["},
        {"Origin": "http://studio.example.com"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_a_forged_host_or_another_pages_request_is_refused(studio, headers):
    answer = studio.client.get("/api/studio", headers=headers)
    assert answer.status_code in (400, 403, 421)
    assert "examples" not in answer.text


def test_its_own_page_is_let_in_by_either_name_of_this_machine(studio):
    port = studio.origin.rpartition(":")[2]
    for name in ("127.0.0.1", "localhost"):
        headers = {"Host": f"{name}:{port}", "Origin": f"http://{name}:{port}"}
        assert studio.client.get("/api/studio", headers=headers).status_code == 200


def test_every_answer_carries_the_policy_and_the_page_keeps_to_it(studio):
    for path in ("/", "/api/studio", "/static/app.js", "/api/none"):
        answer = studio.client.get(path)
        for name in ("Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy"):
            assert answer.headers[name] == HEADERS[name]
    page = (STATIC / "index.html").read_text("utf-8")
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\bsrc=)", page)
    for file in STATIC.iterdir():
        text = file.read_text("utf-8")
        assert not re.search(r"https?://(?!www\.w3\.org/)", text), file.name
        assert "innerHTML" not in text, file.name
    assert sum(file.stat().st_size for file in STATIC.iterdir()) < 1_000_000


def test_scripts_are_told_what_they_may_use(studio):
    paths = studio.client.get("/api/openapi.json").json()["paths"]
    assert {"/api/matches", "/api/render", "/api/recordings", "/api/export"} <= set(paths)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.20", "::"])
def test_other_machines_are_let_in_only_by_wish(host, tmp_path):
    done = dialin("studio", "--host", host, "--no-browser", "--library", tmp_path)
    assert done.code == 2 and "--allow-remote" in done.err


# -- recordings ---------------------------------------------------------------------------------


def test_a_recording_is_taken_in_and_played_back_sample_by_sample(studio):
    id = studio.upload(EXAMPLES / "tabla.flac", "Tabla, take 1 (50%20).flac")
    told = studio.client.get(f"/api/recordings/{id}").json()
    assert told["name"] == "Tabla, take 1 (50%20).flac" and told["seconds"] == 8.0
    answer = studio.client.get(
        f"/api/recordings/{id}/window", params={"start": 1.0, "seconds": 0.5}
    )
    played = np.frombuffer(answer.content, "<f4").reshape(2, -1)
    audio, rate = read_audio(EXAMPLES / "tabla.flac", start=44_100, frames=22_050)
    assert rate == int(answer.headers["x-sample-rate"])
    assert np.array_equal(played, audio)
    drawn = studio.client.get(f"/api/recordings/{id}/outline").json()
    assert len(drawn["low"]) == len(drawn["high"]) == 1600
    assert max(drawn["high"]) > 20 and min(drawn["low"]) < -20


def left(studio):
    return {path.name for path in (studio.library / "recordings").iterdir()}


def test_what_is_no_audio_is_refused_by_its_own_name_and_deleted(studio):
    before = left(studio)
    for name, content in (("notes.txt", b"just text\n" * 50), ("song.wav", b"")):
        answer = studio.client.post("/api/recordings", params={"name": name}, content=content)
        assert answer.status_code == 415
        message = answer.json()["error"]["message"]
        assert name in message and str(studio.library) not in message
    assert left(studio) == before


def is_refused(studio, path, content, **options):
    """Whether a body is refused; the door may be shut while the rest is still being sent."""
    try:
        return studio.client.post(path, content=content, **options).status_code == 413
    except (httpx.WriteError, httpx.ReadError, httpx.RemoteProtocolError):
        return True


def test_three_gigabytes_are_refused_before_they_are_read_and_while_they_come(studio):
    before = left(studio)
    promised = {"Content-Length": str(3 << 30)}
    sent = 0

    def endless():
        nonlocal sent
        for _ in range(3 << 10):
            sent += 1 << 20
            yield bytes(1 << 20)

    for headers in (promised, {}):
        sent = 0
        assert is_refused(studio, "/api/recordings", endless(), headers=headers)
        assert sent < 300 << 20
    until(lambda: left(studio) == before)
    assert studio.client.get("/api/studio").status_code == 200


def test_a_large_body_is_taken_nowhere_else(studio):
    assert is_refused(studio, "/api/render", bytes(3 << 20))
    assert studio.client.get("/api/studio").status_code == 200


@pytest.mark.parametrize(
    "name", ["../../evil.wav", "a/b\\c.flac", "x" * 300 + ".wav", "..", "\u202e.wav", "CON.wav"]
)
def test_names_are_never_trusted(studio, name):
    id = studio.upload(EXAMPLES / "piano.flac", name)
    (file,) = (studio.library / "recordings" / id).iterdir()
    assert re.fullmatch(r"[\w .-]{1,70}", file.name) and not file.name.startswith(".")
    for path in ("../" * 4 + "etc/passwd", "..%2f..%2fetc%2fpasswd"):
        assert studio.client.get(f"/api/recordings/{path}").status_code in (404, 422)


def test_a_safe_name_keeps_what_can_be_kept():
    assert safe_name("../Größe (1).WAV", "wav") == "Größe 1.wav"
    assert safe_name("con.mp3", "mp3") == "con_.mp3"
    assert safe_name("///", "wav") == "recording.wav"


# -- rendering ----------------------------------------------------------------------------------


def test_what_is_heard_is_what_a_render_of_the_chain_gives_bit_for_bit(studio):
    first, second = [0.7, 0.5], [0.3, 0.6, 0.4, 0.6]
    slots = [knobs("builtin:distortion", *first), knobs("builtin:compressor", *second)]
    heard = studio.render(slots)
    audio, rate = read_audio(EXAMPLES / "tabla.flac", frames=88_200)
    with RenderPool(1) as pool:
        uri = chain_uri(["builtin:distortion", "builtin:compressor"])
        wanted = pool.render([Job(uri, audio, [*first, *second], rate)])[0].get()
    assert np.array_equal(heard, wanted)
    # Turning the second effect takes the first one's sound from before: the same samples.
    assert np.array_equal(studio.render(slots, changed=1), wanted)
    alone = studio.render([{**slots[0], "bypass": True}, slots[1]], changed=1)
    assert np.array_equal(alone, studio.render(slots[1:]))
    assert np.array_equal(studio.render(slots, amount=0.0), audio)
    assert np.array_equal(studio.render([]), audio)
    half = studio.render(slots, amount=50.0)
    assert not np.array_equal(half, wanted) and not np.array_equal(half, audio)


@pytest.mark.parametrize(
    "uri", ["vst3:/tmp/evil.vst3", "faust:/tmp/evil.dsp", "fake:crash", "mix:builtin:gain", "x"]
)
def test_only_what_is_installed_can_be_named(studio, uri):
    answer = studio.client.post(
        "/api/render",
        json={"recording": "example-tabla", "seconds": 1.0, "slots": [knobs(uri)]},
    )
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "effect-not-found"
    body = {
        "input": {"recording": "example-tabla"},
        "references": [{"recording": "example-piano"}],
        "effects": [uri],
    }
    assert studio.client.post("/api/matches", json=body).status_code == 422


def test_settings_that_do_not_fit_are_told(studio):
    for slots in ([knobs("builtin:distortion", 0.5)], [knobs("builtin:gain", 2.0)]):
        answer = studio.client.post(
            "/api/render", json={"recording": "example-tabla", "seconds": 1.0, "slots": slots}
        )
        assert answer.status_code == 422 and answer.json()["error"]["message"]


def test_a_killed_render_worker_costs_nothing(studio):
    slots = [knobs("builtin:distortion", 0.4, 0.5)]
    before = studio.render(slots)
    for process in until(studio.workers):
        os.kill(process, signal.SIGKILL)
    assert np.array_equal(studio.render(slots), before)


def test_a_preset_of_what_is_heard_gives_the_same_samples_on_the_command_line(studio, tmp_path):
    chain = {"slots": [knobs("builtin:distortion", 0.6, 0.9), knobs("builtin:reverb", *[0.4] * 5)]}
    spec = studio.client.post("/api/render", json={**chain, "recording": "example-tabla",
                                                   "seconds": 8.0, "amount": 70.0})  # fmt: skip
    if spec.status_code != 200:  # as many knobs as the reverb has here
        count = int(re.search(r"takes (\d+) settings", spec.text).group(1))
        chain["slots"][1]["settings"] = [0.4] * count
    heard = studio.render(chain["slots"], seconds=8.0, amount=70.0)
    answer = studio.client.post("/api/export", json={**chain, "amount": 70.0, "name": "My ünique"})
    assert answer.status_code == 200
    assert "My%20%C3%BCnique.json" in answer.headers["content-disposition"]
    (tmp_path / "preset.json").write_bytes(answer.content)
    float_copy = tmp_path / "tabla.wav"
    import soundfile

    audio, rate = read_audio(EXAMPLES / "tabla.flac")
    soundfile.write(float_copy, audio.T, rate, subtype="FLOAT")
    done = dialin("apply", tmp_path / "preset.json", float_copy, "-o", tmp_path / "wet")
    assert done.code == 0, done.err
    assert np.array_equal(read_audio(tmp_path / "wet" / "tabla.wav")[0], heard)


def test_the_whole_recording_is_rendered_with_progress_and_kept_to_be_fetched(studio, tmp_path):
    chain = {"slots": [knobs("builtin:distortion", 0.5, 0.5)], "amount": 100.0}
    job = studio.client.post("/api/files", json={**chain, "recording": "example-tabla"}).json()
    states = studio.states(f"/api/jobs/{job['id']}/events")
    assert states[-1]["status"] == "done", states[-1]
    answer = studio.client.get(f"/api/jobs/{job['id']}/file")
    assert 'filename="tabla.flac"' in answer.headers["content-disposition"]
    (tmp_path / "made.flac").write_bytes(answer.content)
    assert read_audio(tmp_path / "made.flac")[0].shape == (2, 352_800)


# -- matches ------------------------------------------------------------------------------------


@needs_lv2("mda.lv2")
def test_a_match_tells_how_far_it_is_and_is_found_in_the_history(studio):
    id = studio.match(
        input={"recording": studio.upload(EXAMPLES / "guitar-slide.flac", "lead.flac"),
               "stretch": [0.0, 3.0]},
        effects=[f"lv2:{MDA}Overdrive"],
    )  # fmt: skip
    states = studio.states(f"/api/matches/{id}/events")
    assert states[-1]["status"] == "done", states[-1]
    searching = [state for state in states if state.get("phase") == "searching"]
    assert searching and searching[-1]["renders"] <= searching[-1]["budget"]
    assert searching[-1]["best"] <= searching[0]["untouched"]
    told = studio.client.get(f"/api/matches/{id}").json()
    assert told["title"] == "lead.flac → guitar-metal.flac"
    (slot,) = told["candidates"][0]["slots"]
    assert slot["name"] == "MDA Overdrive" or "Overdrive" in slot["name"]
    assert all({"position", "default_position", "unit"} <= set(knob) for knob in slot["knobs"])
    found = studio.client.get("/api/matches", params={"search": "LEAD metal"}).json()
    assert [one["id"] for one in found] == [id]
    report = studio.client.get(f"/api/matches/{id}/report")
    assert "sandbox" in report.headers["content-security-policy"]
    # No command carries a stretch: the report says which one was heard.
    assert "heard only lead.flac from 0.00 to 3.00 s (of 4.33 s)." in report.text
    assert studio.client.get(f"/api/matches/{id}/files/preset.json").status_code == 200
    for path in ("../request.json", "..%2f..%2f..%2fstudio.sqlite", ".dialin-files.json"):
        answer = studio.client.get(f"/api/matches/{id}/files/{path}")
        assert answer.status_code in (404, 405)
    again = studio.states(f"/api/matches/{id}/events")
    assert again[-1]["status"] == "done"
    assert studio.client.delete(f"/api/matches/{id}").status_code == 204
    assert studio.client.get(f"/api/matches/{id}").status_code == 404
    assert not (studio.library / "matches" / id).exists()


def test_a_match_is_cancelled_while_it_waits_and_while_it_runs(studio):
    first, second = studio.match(budget=3000), studio.match(budget=3000)
    until(
        lambda: studio.client.get(f"/api/matches/{first}").json()["status"] in ("queued", "running")
    )
    for id in (second, first):
        assert studio.client.post(f"/api/matches/{id}/cancel").status_code == 202
        assert studio.states(f"/api/matches/{id}/events")[-1]["status"] == "cancelled"
        assert studio.client.get(f"/api/matches/{id}").json()["status"] == "cancelled"


def test_a_killed_render_worker_costs_one_render_and_the_best_so_far_can_be_taken(studio):
    id = studio.match(budget=20_000)
    killed = None
    with studio.client.stream("GET", f"/api/matches/{id}/events", timeout=PATIENCE) as answer:
        for line in answer.iter_lines():
            state = json.loads(line[6:]) if line.startswith("data: ") else {}
            assert state.get("status", "running") in ("queued", "running"), state
            if state.get("phase") != "searching":
                continue
            if killed is None:
                os.kill(until(lambda: studio.workers(of_match=True))[0], signal.SIGKILL)
                killed = state["renders"]
            # More than were under way when it was killed.
            elif state["renders"] > killed + 16:
                break
    assert studio.client.post(f"/api/matches/{id}/finish").status_code == 202
    last = studio.states(f"/api/matches/{id}/events")[-1]
    assert last["status"] == "done", last
    assert last["result"]["interrupted"]
    assert studio.client.get(f"/api/matches/{id}").json()["candidates"]


def test_words_in_place_of_effects_are_those_that_matching_knows(studio):
    words = [one["word"] for one in studio.client.get("/api/effects").json()["words"]]
    assert words == ["auto", "mastering", "default"]
    refused = studio.match(effects="anything")
    last = studio.states(f"/api/matches/{refused}/events")[-1]
    assert last["status"] == "failed" and "anything" in last["error"]["message"]


def test_what_cannot_be_matched_says_why(studio, tmp_path):
    import soundfile

    soundfile.write(tmp_path / "silence.wav", np.zeros(44_100), 44_100)
    id = studio.match(input={"recording": studio.upload(tmp_path / "silence.wav")})
    last = studio.states(f"/api/matches/{id}/events")[-1]
    assert last["status"] == "failed" and "silent" in last["error"]["message"]
    told = studio.client.get(f"/api/matches/{id}").json()
    assert told["status"] == "failed" and "silent" in told["error"]


def test_a_studio_that_is_killed_leaves_a_library_that_opens_again_and_ctrl_c_ends_it_in_peace(
    tmp_path,
):
    with running(tmp_path / "library", "--workers", "1") as first:
        id = first.match(budget=3000)
        until(lambda: first.client.get(f"/api/matches/{id}").json()["status"] != "done")
        held = dialin("studio", "--no-browser", "--library", tmp_path / "library")
        assert held.code == 7 and "another dialin studio" in held.err
        first.process.kill()
        first.process.wait()
    left = tmp_path / "library" / ".dialin-rendered" / "x"
    left.mkdir(parents=True)
    with running(tmp_path / "library", "--workers", "1") as second:
        assert not left.exists()
        told = second.client.get(f"/api/matches/{id}").json()
        assert told["status"] == "interrupted"
        # Its work ends with it.
        later = second.match(budget=20_000)
        until(lambda: second.client.get(f"/api/matches/{later}").json()["status"] != "done")
        second.process.send_signal(signal.SIGINT)
        assert second.process.wait(PATIENCE) == 0
        assert "error" not in second.process.stderr.read()
    with sqlite3.connect(tmp_path / "library" / "studio.sqlite") as index:
        rows = dict(index.execute("SELECT id, status FROM matches").fetchall())
        assert rows == {id: "interrupted", later: "cancelled"}
        assert index.execute("PRAGMA user_version").fetchone() == (1,)
        index.execute("PRAGMA user_version = 99")
    index.close()
    newer = dialin("studio", "--no-browser", "--library", tmp_path / "library")
    assert newer.code == 2 and "newer dialin" in newer.err
