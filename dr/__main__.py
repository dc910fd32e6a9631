"""`python -m dr VERB …`: backup, restore and drills as a process of their own. JSON events on standard output, one a line."""

import argparse
import sys
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

from dr import backup, check, manifest, restore
from kit.errors import Conflict, Invalid
from kit.events import tell, told
from tenants.catalog import tenant
from tenants.home import Home, home
from tenants.keyring import tenant_keys

Answer = dict[str, Any]


def _until(args: argparse.Namespace) -> datetime | None:
    if not args.at:
        return None
    try:
        moment = datetime.fromisoformat(args.at)
    except ValueError:
        raise Invalid(f"--at {args.at}: write a moment like 2026-11-23T09:00:00+09:00") from None
    if moment.tzinfo is None:
        raise Invalid(f"--at {args.at}: say the time zone, as +09:00")
    return moment


def _list(here: Home, code: str) -> Answer:
    public = tenant_keys(here, code).signer().public_key()
    known = manifest.read_all(here.manifests(code), tenant=code, public_key=public)
    return {"backups": [each.model_dump(mode="json") for each in known]}


def _restore(here: Home, code: str, args: argparse.Namespace) -> Answer:
    from dr import verify

    restored = restore.run(here, code, until=_until(args))
    compared = verify.run(here, restored)
    return restored.model_dump(mode="json") | compared.model_dump()


def _drill(here: Home, codes: list[str], number: str) -> Answer:
    from dr import drill, report  # what restores and prints takes longer to import than a backup of a segment takes

    def say(code: str, name: str, seconds: float) -> None:
        tell("step", tenant=code, name=name, seconds=seconds)

    made = drill.run(here, codes, number=number or uuid.uuid4().hex, say=say)
    paths = {kind: str(path) for kind, path in report.paths(here, made.id).items()}
    return {"drill": made.model_dump(mode="json"), "paths": paths}


def _report(here: Home, number: str) -> Answer:
    from dr import report

    made = report.read(here, number)
    try:
        report.check_signature(here, number)
        valid = True
    except Conflict:
        valid = False
    paths = {kind: str(path) for kind, path in report.paths(here, number).items()}
    return {"drill": made.model_dump(mode="json"), "signature_valid": valid, "paths": paths}


def _check(here: Home, code: str, args: argparse.Namespace) -> Answer:
    return {"sites": check.run(here, code, read_data=args.read_data)}


ONE: dict[str, Callable[[Home, str, argparse.Namespace], Answer]] = {
    "init": lambda here, code, _: {"changed": backup.init(here, code)},
    "backup": lambda here, code, args: backup.run(here, code, base=args.base, first=args.first),
    "list": lambda here, code, _: _list(here, code),
    "check": _check,
    "plan": lambda here, code, args: restore.describe(here, code, _until(args)),
    "restore": _restore,
    "destroy": lambda here, code, args: {"database": args.id, "destroyed": restore.destroy(here, code, args.id)},
}


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m dr")
    parser.add_argument("verb", choices=[*ONE, "drill", "report"])
    parser.add_argument("--tenant", action="append", default=[], help="authority code; several for a drill")
    parser.add_argument("--base", action="store_true", help="take a base even when none is due")
    parser.add_argument("--first", action="store_true", help="do nothing when a backup is there")
    parser.add_argument("--read-data", action="store_true", help="check every pack")
    parser.add_argument("--at", help="moment to restore to; whole transactions only")
    parser.add_argument("--id", default="", help="id of the drill, or name of the restored copy")
    args = parser.parse_args()
    if args.verb == "report" and not args.id:
        parser.error("report needs --id")
    if args.verb != "report" and not args.tenant:
        parser.error(f"{args.verb} needs --tenant")
    return args


def _answer(args: argparse.Namespace) -> Answer:
    here = home()
    if args.verb == "report":
        return _report(here, args.id)
    if args.verb == "drill":
        return _drill(here, args.tenant, args.id)
    return ONE[args.verb](here, tenant(args.tenant[0], here).code, args)


def main() -> int:
    args = _parsed()
    return told(f"dr {args.verb}", lambda: _answer(args))


if __name__ == "__main__":
    sys.exit(main())
