"""What may be printed, by class of requester: the matrix, and the decision for one request. Pure.

References
----------
住民基本台帳法 arts. 12 (the person and the household), 12-2 (public bodies), 12-3 (third parties, listed professions),
12-4 (other municipalities), 15-4 (removed records); 住民基本台帳事務処理要領 第2-4. Crosses for third parties, the row
`other_names` and «by law» are to be verified by the adopting body.
"""

from typing import Literal

from kit.errors import Forbidden
from systems.resident_registry.model.certificates import Delivery, Item, Request
from systems.resident_registry.model.errors import ItemNotPrintable, RequestIncomplete
from systems.resident_registry.model.people import Resident

#: always; when asked for; asked for with a reason for this very item; asked for and mailed to the person; where an act says
#: so; never. In the order in which the stricter of two is found.
Cell = Literal["always", "asked", "mailed", "reason", "by_law", "never"]
STRICTNESS: tuple[Cell, ...] = ("always", "asked", "mailed", "reason", "by_law", "never")
Column = Literal["own", "representative", "public_body", "third_party", "other_municipality", "removed"]
COLUMNS: tuple[Column, ...] = ("own", "representative", "public_body", "third_party", "other_municipality", "removed")
CLASSES: dict[str, Column] = {
    "self": "own",
    "household_member": "own",
    "representative": "representative",
    "public_body": "public_body",
    "third_party": "third_party",
    "listed_profession": "third_party",
    "other_municipality": "other_municipality",
}
#: the numbers, which a dead person's certificate never shows
NUMBERS: frozenset[Item] = frozenset({"individual_number", "resident_code"})

# fmt: off
MATRIX: dict[Item, tuple[Cell, ...]] = {
    #                       本人・世帯  代理人      国等        第三者      広域交付    除票
    "basic":               ("always",  "always",  "always",  "always",  "always",  "always"),
    "previous_address":    ("always",  "always",  "always",  "always",  "always",  "always"),
    "other_names":         ("always",  "always",  "always",  "always",  "never",   "always"),
    "before_move_address": ("always",  "always",  "asked",   "reason",  "never",   "always"),
    "history":             ("asked",   "asked",   "asked",   "reason",  "never",   "asked"),
    "head_and_relation":   ("asked",   "asked",   "asked",   "reason",  "asked",   "asked"),
    "registered_domicile": ("asked",   "asked",   "asked",   "reason",  "never",   "asked"),
    "individual_number":   ("asked",   "mailed",  "by_law",  "never",   "asked",   "asked"),
    "resident_code":       ("asked",   "mailed",  "by_law",  "never",   "asked",   "asked"),
    "foreign":             ("asked",   "asked",   "asked",   "reason",  "asked",   "asked"),
    "protective_measure":  ("never",   "never",   "never",   "never",   "never",   "never"),
}
# fmt: on
ITEM_NAMES: dict[Item, str] = {
    "basic": "氏名・生年月日・性別・住所・住民となった年月日・届出年月日",
    "previous_address": "転入前住所",
    "other_names": "旧氏・通称",
    "before_move_address": "異動前住所",
    "history": "異動の履歴",
    "head_and_relation": "世帯主・続柄",
    "registered_domicile": "本籍・筆頭者",
    "individual_number": "個人番号",
    "resident_code": "住民票コード",
    "foreign": "国籍・在留資格等",
    "protective_measure": "支援措置の有無",
}


def is_dead(one: Resident) -> bool:
    """Died, or is deemed to have by a ruling (失踪宣告, 民法 art. 31)."""
    return one.state == "dead" or one.removed_reason == "disappearance"


def cell(item: Item, request: Request, *, dead: bool) -> Cell:
    """What the matrix says of an item; of a removed record the stricter of the requester's column and the record's."""
    row = MATRIX[item]
    found = row[COLUMNS.index(CLASSES[request.requester])]
    if request.kind == "removed_copy":
        found = max(found, row[COLUMNS.index("removed")], key=STRICTNESS.index)
    return "never" if dead and item in NUMBERS else found


def printed_items(request: Request, *, dead: bool, is_number_officer: bool) -> frozenset[Item]:
    """The items that this request's certificate shows. What is neither always printed nor asked for is left out altogether.

    Raises
    ------
    ItemNotPrintable
        Something was asked for that this class of requester, or this record, may never have.
    RequestIncomplete
        A reason for an item, or the act that lets a public body have numbers, is missing.
    Forbidden
        The individual number is shown by staff of that role only.
    """
    cells = {item: cell(item, request, dead=dead) for item in MATRIX}
    for item in sorted(request.items):
        _check_asked(item, cells[item], request)
    if "individual_number" in request.items and not is_number_officer:
        raise Forbidden("a certificate with the individual number is issued by the role number_officer")
    return frozenset(item for item, found in cells.items() if found == "always" or item in request.items)


def _check_asked(item: Item, found: Cell, request: Request) -> None:
    if found == "never":
        raise ItemNotPrintable(f"{ITEM_NAMES[item]}は、この請求区分・この記録では記載できません。")
    if found == "reason" and not request.reasons.get(item):
        raise RequestIncomplete(f"{ITEM_NAMES[item]}の記載が必要な理由が示されていません。", missing=[f"reasons.{item}"])
    if found == "by_law" and not request.law:
        raise RequestIncomplete(f"{ITEM_NAMES[item]}の記載の根拠となる法令が示されていません。", missing=["law"])


def delivery(request: Request) -> Delivery:
    """Where the paper goes: a representative is not handed a copy with numbers, it is mailed to the person (事務処理要領)."""
    mailed = any(cell(item, request, dead=False) == "mailed" for item in request.items)
    return "deliver_by_mail_to_person" if mailed else "counter"
