"""What the server says of its health, in the words of a real one."""

from __future__ import annotations

from starlette.datastructures import QueryParams

from podfence.lab.apiserver.http.health import health


def test_health_is_one_word_unless_somebody_wants_to_know_more() -> None:
    assert health("readyz", QueryParams("")) == "ok"
    assert health("livez", QueryParams("verbose")) == "[+]ping ok\n[+]log ok\n[+]etcd ok\nlivez check passed\n"


def test_checks_can_be_left_out_and_one_that_is_not_there_is_warned_of() -> None:
    assert health("readyz", QueryParams("verbose&exclude=etcd&exclude=moon")) == (
        "[+]ping ok\n[+]log ok\n[+]etcd excluded: ok\n[+]informer-sync ok\n[+]shutdown ok\n"
        'warn: some health checks cannot be excluded: no matches for "moon"\nreadyz check passed\n'
    )
