"""続柄: the relations of a household to any of its members, worked out from their relations to the head.

A relation is a path of words from the head (妻の子 = the wife's child). The words of all members make a graph of spouses,
partners, parents, siblings; known kinship is added to it. The relation to another head is the shortest path in that graph, said
in words. Where the graph cannot tell (the sex of somebody who does not live there, two children of whom one is the father) the
answer is None and the clerk decides; the clerk confirms the others too.

References
----------
住民基本台帳法 art. 7 no. 4; 住民基本台帳事務処理要領 第2-1-(2)-エ (続柄).
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from systems.resident_registry.model.people import HEAD

SPOUSE, PARTNER, CHILD, PARENT, ELDER, YOUNGER, KIN = "spouse", "partner", "child", "parent", "elder", "younger", "kin"
INVERSE = {SPOUSE: SPOUSE, PARTNER: PARTNER, CHILD: PARENT, PARENT: CHILD, ELDER: YOUNGER, YOUNGER: ELDER, KIN: KIN}
#: step and sex of the person it reaches -> word
WORDS = {
    (SPOUSE, "male"): "夫",
    (SPOUSE, "female"): "妻",
    (PARTNER, "male"): "夫(未届)",
    (PARTNER, "female"): "妻(未届)",
    (CHILD, "male"): "子",
    (CHILD, "female"): "子",
    (CHILD, None): "子",
    (PARENT, "male"): "父",
    (PARENT, "female"): "母",
    (ELDER, "male"): "兄",
    (ELDER, "female"): "姉",
    (YOUNGER, "male"): "弟",
    (YOUNGER, "female"): "妹",
    (KIN, "male"): "縁故者",
    (KIN, "female"): "縁故者",
}
#: word -> step and the sex it tells, if any
STEPS: dict[str, tuple[str, str | None]] = {
    word: (step, None if step in (CHILD, KIN) else sex) for (step, sex), word in WORDS.items()
}
#: words of older records, said in steps
OLDER = {"孫": "子の子", "曾孫": "子の子の子"}
LODGER = "同居人"
#: kind of an edge between two whose marriage has ended: neither words nor guesses make them spouses again
APART = "apart"
SPOUSES = {"夫", "妻", "夫(未届)", "妻(未届)"}
#: what a relation becomes when a marriage inside the household ends, unless the clerk chooses otherwise
AFTER_DIVORCE = dict.fromkeys(SPOUSES, LODGER)
#: what a spouse's child becomes when the head adopts it
AFTER_ADOPTION = {"妻の子": "子", "夫の子": "子"}


@dataclass(frozen=True)
class Member:
    """Of a member, what relations depend on."""

    id: UUID
    sex: str
    born_on: date
    relation: str


@dataclass(frozen=True)
class _Node:
    """A member, or somebody who is only spoken of (`member` is None)."""

    sex: str | None
    born_on: date | None
    member: UUID | None


class _Graph:
    def __init__(self) -> None:
        self.nodes: list[_Node] = []
        self.steps: list[dict[int, str]] = []
        #: children whose parents are all told: by kinship, or by words like 妻の子
        self.of_one: set[int] = set()
        #: pairs who are no longer spouses or partners
        self.apart: set[frozenset[int]] = set()

    def add(self, node: _Node) -> int:
        self.nodes.append(node)
        self.steps.append({})
        return len(self.nodes) - 1

    def link(self, a: int, step: str, b: int) -> None:
        if a != b and not (step in (SPOUSE, PARTNER) and frozenset((a, b)) in self.apart):
            self.steps[a].setdefault(b, step)
            self.steps[b].setdefault(a, INVERSE[step])
            if step == SPOUSE:
                for one, other in ((a, b), (b, a)):
                    if self.nodes[one].sex is None and self.nodes[other].sex is not None:
                        self.nodes[one] = replace(self.nodes[one], sex="female" if self.nodes[other].sex == "male" else "male")

    def reached(self, a: int, step: str, sex: str | None = None) -> list[int]:
        found = [b for b, each in self.steps[a].items() if each == step]
        return [b for b in found if sex is None or self.nodes[b].sex in (sex, None)]


def words(relation: str) -> list[str] | None:
    """The words of a relation; None when one of them is not known."""
    found = [part for word in relation.split("の") for part in OLDER.get(word, word).split("の")]
    return found if all(word in STEPS for word in found) else None


def relations_to(head: UUID, members: Sequence[Member], kinship: Iterable[tuple[UUID, UUID, str]] = ()) -> dict[UUID, str | None]:
    """Relation of every member to that head; None where it cannot be told.

    `kinship` holds edges (from, to, kind) with kind parent, spouse, partner or apart; `from` is the parent. Of a child it tells
    all parents in the household or none. A former spouse of the head is 同居人, whatever children they have.
    """
    graph, where = _graph(members, kinship)
    _guess(graph, next(where[each.id] for each in members if each.relation == HEAD))
    tree = _walk(graph, where[head])
    unknown = {each.id for each in members if each.relation not in (HEAD, LODGER) and words(each.relation) is None}
    found: dict[UUID, str | None] = {head: HEAD}
    for each in members:
        if each.id != head:
            told = each.id not in unknown and head not in unknown
            apart = frozenset((where[head], where[each.id])) in graph.apart
            found[each.id] = (LODGER if apart else _said(graph, tree, where[head], where[each.id])) if told else None
    return found


def after_divorce(one: UUID, other: UUID, members: Sequence[Member]) -> dict[UUID, str]:
    """Relations to the head that end with this marriage: of the spouse who came in, and of who is related through them."""
    facts = {each.id: each.relation for each in members}
    for theirs, through in ((one, other), (other, one)):
        before, _, last = facts[theirs].rpartition("の")
        if last in AFTER_DIVORCE and (before or HEAD) == facts[through]:
            alone = [*facts.values()].count(facts[theirs]) == 1  # or it cannot be told whose 子の妻の母 one is
            kin = [each for each, relation in facts.items() if alone and relation.startswith(f"{facts[theirs]}の")]
            return {theirs: AFTER_DIVORCE[last]} | dict.fromkeys(kin, LODGER)
    return {}


def after_adoption(child: UUID, parents: Sequence[UUID], members: Sequence[Member]) -> dict[UUID, str]:
    """Relation of a child to the head after these adopted it; nothing where none of them lives here, or it is the head."""
    facts = {each.id: each.relation for each in members}
    adopters = [facts[each] for each in parents if each in facts]
    if facts[child] == HEAD or not adopters:
        return {}
    if HEAD in adopters:
        return {child: AFTER_ADOPTION.get(facts[child], "子")}
    for spouses_child, own in AFTER_ADOPTION.items():
        before = facts[child].removesuffix(f"の{spouses_child}")
        if before != facts[child] and before in adopters:
            return {child: f"{before}の{own}"}
    return {child: f"{adopters[0]}の子"} if facts[child] in (LODGER, "縁故者") else {}


def _graph(members: Sequence[Member], kinship: Iterable[tuple[UUID, UUID, str]]) -> tuple[_Graph, dict[UUID, int]]:
    graph = _Graph()
    head = next(each for each in members if each.relation == HEAD)
    where = {each.id: graph.add(_Node(each.sex, each.born_on, each.id)) for each in members}
    known_here = [edge for edge in kinship if edge[0] in where and edge[1] in where]
    graph.apart = {frozenset((where[start], where[end])) for start, end, kind in known_here if kind == APART}
    for start, end, kind in known_here:
        if kind != APART:
            graph.link(where[start], {"parent": CHILD, "spouse": SPOUSE, "partner": PARTNER}[kind], where[end])
            if kind == "parent":
                graph.of_one.add(where[end])
    known = sorted((len(words(each.relation) or []), str(each.id), each) for each in members if each.id != head.id)
    for _, _, each in known:
        _place(graph, where[head.id], where[each.id], words(each.relation) or [])
    return graph, where


def implied(members: Sequence[Member], apart: Iterable[tuple[UUID, UUID, str]] = ()) -> list[tuple[UUID, UUID, str]]:
    """Kinship that the relations to this head say; to be kept before another head makes them ambiguous."""
    graph, where = _graph(members, apart)
    _guess(graph, next(where[each.id] for each in members if each.relation == HEAD))
    kinds = {CHILD: "parent", SPOUSE: "spouse", PARTNER: "partner"}
    return [
        (start.member, graph.nodes[there].member, kinds[step])  # type: ignore[misc]
        for here, start in enumerate(graph.nodes)
        for there, step in graph.steps[here].items()
        if start.member and graph.nodes[there].member and step in kinds and (step == CHILD or here < there)
    ]


def _place(graph: _Graph, start: int, end: int, path: Sequence[str]) -> None:
    """Put a member at the end of its path; those on the way are members where only one can be meant, else spoken of."""
    before = start
    for n, word in enumerate(path[:-1]):
        before = start
        step, sex = STEPS[word]
        there = graph.reached(start, step, sex)
        if n == len(path) - 2 and STEPS[path[-1]][0] == SPOUSE:
            there = [each for each in there if graph.nodes[each].sex != graph.nodes[end].sex]
        nearer = [each for each in there if end in graph.steps[each]]
        if len(nearer or there) == 1 and (nearer or there)[0] != end:
            start = (nearer or there)[0]
        else:
            ghost = graph.add(_Node(sex, None, None))
            graph.link(start, step, ghost)
            start = ghost
    if path:
        graph.link(start, STEPS[path[-1]][0], end)
    last = [STEPS[word][0] for word in path[-2:]]
    if last == [SPOUSE, CHILD]:
        graph.of_one.add(end)
    elif last == [PARENT, SPOUSE]:
        graph.of_one.add(before)


def _guess(graph: _Graph, head: int) -> None:
    """Somebody's children are the spouse's too, unless kinship or words say whose; children of one parent are siblings."""
    parents = graph.reached(head, PARENT)
    fathers, mothers = ([p for p in parents if graph.nodes[p].sex == sex] for sex in ("male", "female"))
    if len(fathers) == len(mothers) == 1:
        graph.link(fathers[0], SPOUSE, mothers[0])
    for sibling in {*graph.reached(head, ELDER), *graph.reached(head, YOUNGER)} - graph.of_one:
        for parent in parents:
            graph.link(parent, CHILD, sibling)
        if head in graph.of_one:
            graph.of_one.add(sibling)
    living_here = [n for n, each in enumerate(graph.nodes) if each.member]
    for one in living_here:
        for spouse in set(graph.reached(one, SPOUSE)) & set(living_here):
            for child in graph.reached(one, CHILD):
                if len(graph.reached(child, PARENT)) == 1 and child not in graph.of_one:
                    graph.link(spouse, CHILD, child)
    for parent in range(len(graph.nodes)):
        _make_siblings(graph, graph.reached(parent, CHILD))


def _make_siblings(graph: _Graph, children: Sequence[int]) -> None:
    born = sorted((graph.nodes[c].born_on or date.max, c) for c in children if graph.nodes[c].member is not None)
    for n, (_, elder) in enumerate(born):
        for _, younger in born[n + 1 :]:
            graph.link(younger, ELDER, elder)


def _walk(graph: _Graph, start: int) -> Mapping[int, int]:
    """Breadth first: from where each node is reached first; closer kin before more distant."""
    order = {SPOUSE: 0, PARTNER: 1, CHILD: 2, PARENT: 3, ELDER: 4, YOUNGER: 5, KIN: 6}
    came, queue = {start: start}, deque([start])
    while queue:
        here = queue.popleft()
        for there, _ in sorted(graph.steps[here].items(), key=lambda each: (order[each[1]], each[0])):
            if there not in came:
                came[there] = here
                queue.append(there)
    return came


def _said(graph: _Graph, tree: Mapping[int, int], start: int, end: int) -> str | None:
    """The path in words; 同居人 for whom no path leads to, None when a word cannot be told or there are more than four."""
    if end not in tree:
        return LODGER
    found: list[str | None] = []
    below = ""
    while end != start:
        step = graph.steps[tree[end]][end]
        word = WORDS.get((step, graph.nodes[end].sex))
        # up and down again passes somebody's brother or sister who does not live here, or the person meant: it cannot be told
        found.insert(0, None if (step, below) == (PARENT, CHILD) else word)
        end, below = tree[end], step
    if "縁故者" in found and len(found) > 1:
        return LODGER
    return "の".join(w for w in found if w) if None not in found and len(found) <= 4 else None
