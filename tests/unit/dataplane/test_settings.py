"""Settings refuse a mark that is not theirs to use."""

from __future__ import annotations

import pytest

from podfence.dataplane.settings import Settings
from podfence.model.error import PodfenceError


def test_the_generations_are_as_many_as_the_mask_holds() -> None:
    settings = Settings("n1", mark_mask=0x0FF00000)
    assert (settings.mark_shift, settings.last_generation) == (20, 255)
    assert Settings("n1").last_generation == 0xFFFF


@pytest.mark.parametrize("mask", [0, -1, 0x0000FFFF, 0x00018000, 0x80000000, 0x50000000, 0x1FFFF0000])
def test_a_mask_that_is_low_torn_or_narrow_is_refused(mask: int) -> None:
    with pytest.raises(PodfenceError, match="mark mask"):
        Settings("n1", mark_mask=mask)
