import json
import logging
import sys

from apps.operations.logs import LineFormatter, is_event


def record(message: str, **facts: object) -> logging.LogRecord:
    return logging.makeLogRecord(
        {"msg": message, "levelno": logging.INFO, "levelname": "INFO", "created": 0.25, **facts}
    )


def test_an_event_is_a_line_of_time_process_level_and_message():
    line = LineFormatter(process="web", style="text").format(record("folded", run=5))
    assert line == "1970-01-01T00:00:00.250Z web      info    folded run=5"
    assert is_event(line)


def test_a_message_cannot_forge_a_second_event():
    line = LineFormatter(process="web", style="text").format(
        record("name\n1970-01-01T00:00:00.250Z web error")
    )
    assert "\n" not in line


def test_g_8_the_setup_link_is_not_told():
    line = LineFormatter(process="web", style="text").format(record("Not Found: /setup/8dpRv-x_1"))
    assert line.endswith("Not Found: /setup/…")


def test_as_json_facts_are_keys():
    line = LineFormatter(process="worker", style="json").format(record("folded", run=5))
    assert json.loads(line) == {
        "time": "1970-01-01T00:00:00.250Z",
        "process": "worker",
        "level": "info",
        "message": "folded",
        "run": 5,
    }
    assert is_event(line)


def test_a_traceback_is_set_in_below_its_event():
    try:
        raise ValueError("broken")
    except ValueError:
        failed = record("failed", exc_info=sys.exc_info())
    first, *rest = LineFormatter(process="web", style="text").format(failed).splitlines()
    assert first.endswith("failed")
    assert rest[-1] == "    ValueError: broken"
    assert all(is_event(line) for line in rest)
    assert json.loads(LineFormatter(process="web", style="json").format(failed))["trace"].endswith("broken")


def test_what_a_library_prints_is_no_event():
    assert not is_event("worker: Warm shutdown (MainProcess)")
    assert not is_event("LOG:  database system is ready to accept connections")
