"""What a pod may declare of the port names that rules mention: nothing, or numbers that the rules tell apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, product
from math import prod
from typing import Final

import msgspec

from podfence.engine.atoms import PortAtoms
from podfence.model.net import PORT_PROTOCOLS
from podfence.model.objects import NamedPort
from podfence.model.policy import PortMatch, PortName, PortRange

Declared = tuple[NamedPort, ...]

NOTHING: Final[tuple[Declared, ...]] = ((),)
_FIRST_NUMBER = 8080
_MOST_NUMBERS = 6
_MOST_DECLARATIONS = 49


class Declarations(msgspec.Struct, frozen=True):
    """What may be declared, nothing first and then one name; ``complete`` unless some were left out."""

    listed: tuple[Declared, ...]
    complete: bool


def declarations(ports: Iterable[PortMatch]) -> Declarations:
    """List what a pod may declare of the names among some ports."""
    known = list(ports)
    ranges = [(port.protocol, port.first, port.last) for port in known if isinstance(port, PortRange)]
    options: dict[str, list[Declared]] = {}
    complete = True
    for number, port in enumerate(dict.fromkeys(port for port in known if isinstance(port, PortName))):
        numbers = list(_numbers(port, PortAtoms(ranges), _FIRST_NUMBER + number))
        complete = complete and len(numbers) <= _MOST_NUMBERS
        options.setdefault(port.name, [()]).extend((item,) for item in numbers[:_MOST_NUMBERS])
    return Declarations(*_together(list(options.values()), complete=complete))


def _together(options: Sequence[Sequence[Declared]], *, complete: bool) -> tuple[tuple[Declared, ...], bool]:
    """Join the options of all names, each name once; one name at a time where that would be too many."""
    if prod(map(len, options)) > _MOST_DECLARATIONS:
        alone = list(dict.fromkeys(chain.from_iterable(options))) or list(NOTHING)
        return tuple(alone[:_MOST_DECLARATIONS]), False
    found = dict.fromkeys(tuple(sorted(chain.from_iterable(one))) for one in product(*options))
    return tuple(sorted(found, key=len)), complete


def _numbers(port: PortName, atoms: PortAtoms, usual: int) -> Iterator[NamedPort]:
    """Give a number in each atom of the protocols that a name may mean, the usual number first."""
    for protocol in PORT_PROTOCOLS if port.protocol is None else (port.protocol,):
        pieces = [(first, last) for of, first, last in atoms.atoms if of is protocol]
        for first, last in sorted(pieces, key=lambda piece: (not piece[0] <= usual <= piece[1], piece)):
            yield NamedPort(port.name, protocol, min(max(usual, first), last))
