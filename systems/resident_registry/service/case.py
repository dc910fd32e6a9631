"""A movement being carried out: what it has touched so far and what it gives rise to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from kit.clock import today
from kit.db import Tx
from systems.resident_registry.model.forms import Named
from systems.resident_registry.model.movements import Change, Movement
from systems.resident_registry.model.people import HEAD, Office, Resident
from systems.resident_registry.rules import movements as rules
from systems.resident_registry.rules import relations
from systems.resident_registry.rules.alerts import WORKED_OUT, Alert
from systems.resident_registry.rules.people import relation_codes
from systems.resident_registry.store import movements as store
from systems.resident_registry.store import people as persons


@dataclass
class Case:
    """One movement, the transaction it happens in, and its traces."""

    tx: Tx
    office: Office
    movement: Movement
    because: Change
    #: resident -> version before (None: entered) and after
    touched: dict[UUID, tuple[int | None, int]] = field(default_factory=dict)
    #: resident -> items that changed
    changed: dict[UUID, set[str]] = field(default_factory=dict)
    alerts: list[Alert] = field(default_factory=list)
    #: resident -> code of the authority (in a designated city the ward) where they lived before
    wards: dict[UUID, str | None] = field(default_factory=dict)
    #: those who stay after a departure that is still planned, as they will be from its day on
    later: dict[UUID, Resident] = field(default_factory=dict)

    def change(self, one: Resident, **changes: Any) -> None:
        """Change a record from the day of the event on."""
        if one.id in self.touched:
            one = persons.resident(self.tx, one.id, today())
        self.wards.setdefault(one.id, one.authority_code)
        persons.change(self.tx, one, self.because, **changes)
        self.touched.setdefault(one.id, (one.version, one.version + 1))
        self.changed.setdefault(one.id, set()).update(changes)

    def entered(self, one: Resident) -> None:
        """Note a record that the movement entered."""
        self.touched[one.id] = (None, one.version)
        self.changed[one.id] = {"name", "born_on", "sex", "address", "resident_code", "individual_number"}

    def named(self, residents: Sequence[Named]) -> list[Resident]:
        """The present members of one household who are named, each at the version the clerk saw; the household is locked."""
        found = [persons.named(self.tx, each.id, each.version, today()) for each in residents]
        rules.check_present(found)
        rules.check_after_birth(found, self.because.valid_from)
        rules.check_residence(self.movement.reason, found, self.because.valid_from)
        rules.check_one_household(found)
        return found

    def members(self, household_id: UUID) -> list[Resident]:
        """Present members, head first; the household is locked until the transaction ends."""
        return persons.members(self.tx, household_id, today())

    def relations(self, staying: Sequence[Resident], everybody: Sequence[Resident], given: Mapping[UUID, str]) -> dict[UUID, str]:
        """Relations of those who form a household; what was worked out is to be confirmed, and the kinship is kept."""
        known = store.kinship(self.tx, [each.id for each in everybody])
        found, worked_out = rules.relations_for(staying, everybody, given, known)
        if worked_out:
            self.alerts.append(WORKED_OUT)
        apart = [edge for edge in known if edge[2] == relations.APART]
        store.add_kinship(self.tx, relations.implied(rules.facts_of(everybody), apart), None)
        return found

    def settle(self, everybody: Sequence[Resident], gone: Sequence[Resident], given: Mapping[UUID, str]) -> None:
        """When the head is among those who are gone, the others get a new head and their relations to it."""
        left = {each.id for each in gone}
        staying = [each for each in everybody if each.id not in left]
        if staying and not any(each.relation == HEAD for each in staying):
            self.relate(staying, self.relations(staying, everybody, given))

    def relate(self, people: Sequence[Resident], found: Mapping[UUID, str], **changes: Any) -> None:
        """Give people their relations; the new head last, so that there are never two."""
        for each in sorted(people, key=lambda one: found[one.id] == HEAD):
            if changes or each.relation != found[each.id]:
                codes = relation_codes(found[each.id])
                self.change(each, relation=found[each.id], relation_codes=codes, **changes)
