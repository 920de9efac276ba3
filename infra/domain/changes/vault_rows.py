"""What changes of a Backup vault do, and of the roles that it works with: copies that go, or are kept for less time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infra.domain import long_term
from infra.domain.azure import roles
from infra.domain.changes.change import Danger, Step
from infra.domain.changes.server_rows import Judge, Verdict

_BACKUP = "azure-native:dataprotection"
VAULT, POLICY, INSTANCE = f"{_BACKUP}:BackupVault", f"{_BACKUP}:BackupPolicy", f"{_BACKUP}:BackupInstance"
ASSIGNMENT = "azure-native:authorization:RoleAssignment"
_SOFT = f"they can be brought back for {long_term.SOFT_DELETE_DAYS} days"
CREATED: Mapping[str, tuple[Danger, str]] = {
    INSTANCE: (Danger.COSTS_MORE, "a weekly copy of the server for the vault: billed by the server and by the gigabyte"),
}
ENDED: Mapping[str, tuple[Danger, str]] = {
    # To delete an instance is to end the copies and to delete those that are there: the other way is to stop protection by hand.
    INSTANCE: (Danger.DATA_LOSS, f"no more long-term copies are made, and those that exist are deleted; {_SOFT}"),
    VAULT: (Danger.DATA_LOSS, f"the long-term copies in it are gone; {_SOFT}, and meanwhile Azure does not delete the vault"),
    POLICY: (Danger.WEAKER_RECOVERY, "nothing says any more how long copies are kept"),
    ASSIGNMENT: (Danger.WEAKER_RECOVERY, "an identity loses a role; a vault without its roles copies nothing"),
}
_STRENGTH: Mapping[str, int] = {
    "Off": 0, "On": 1, "AlwaysOn": 2, "Disabled": 0, "Unlocked": 1, "Locked": 2, "Enabled": 1,
}  # fmt: skip


def assigned(step: Step) -> Verdict:
    """What a new assignment of a role does."""
    name = roles.name_of((step.new or {}).get("roleDefinitionId"))
    if name is None:
        return Verdict(danger=Danger.WEAKER_SECURITY, why="an identity gets a role that nobody here knows")
    return Verdict(danger=Danger.HARMLESS, why=f"an identity gets the role {name}, which changes nothing")


def retention(step: Step) -> Verdict:
    """What another policy does: Azure changes none in place, so another retention is another policy."""
    old, new = long_term.told_by(step.old), long_term.told_by(step.new)
    if not old or not new:
        return Verdict(danger=Danger.UNKNOWN, why="one of the policies does not say how long copies are kept")
    if less := long_term.shorter(old, new):
        why = f"long-term copies are kept for less time ({', '.join(less)})"
        return Verdict(danger=Danger.WEAKER_RECOVERY, why=why, instead="keep the longer ones; a copy that is gone cannot be made again")
    if dict(old) == dict(new):
        return Verdict(danger=Danger.HARMLESS, why="another policy that keeps copies as long as the old one")
    return Verdict(danger=Danger.COSTS_MORE, why="long-term copies are kept longer, and billed by the gigabyte")


def _protection(old: Any, new: Any) -> Verdict:
    before, after = (_STRENGTH.get(str(each)) for each in (old, new))
    if before is None or after is None:
        return Verdict(danger=Danger.UNKNOWN, why=f"nobody here knows what {new} is instead of {old}")
    if after < before:
        return Verdict(danger=Danger.WEAKER_RECOVERY, why=f"copies are protected less against deletion ({old} to {new})")
    locked = " and never less again" if after == _STRENGTH["Locked"] else ""
    danger = Danger.IRREVERSIBLE if locked else Danger.HARMLESS
    return Verdict(danger=danger, why=f"copies are protected more against deletion ({old} to {new}){locked}")


def _days(old: Any, new: Any) -> Verdict:
    try:
        fewer = float(new) < float(old)
    except (TypeError, ValueError):
        return Verdict(danger=Danger.UNKNOWN, why=f"{new} is no number of days")
    danger = Danger.WEAKER_RECOVERY if fewer else Danger.HARMLESS
    return Verdict(danger=danger, why=f"deleted copies can be brought back for {float(new):g} days instead of {float(old):g}")


def _redundancy(old: Any, new: Any) -> Verdict:
    return Verdict(danger=Danger.OUTAGE, why=f"Azure refuses it once the vault has a copy ({old} to {new})", instead="another vault")


def _alerts(old: Any, new: Any) -> Verdict:
    return Verdict(danger=Danger.WEAKER_RECOVERY, why=f"failed copies are reported otherwise ({old} to {new})")


def _restore(old: Any, new: Any) -> Verdict:
    return Verdict(danger=Danger.WEAKER_SECURITY, why=f"copies may be restored in other places than before ({old} to {new})")


def _identity(old: Any, new: Any) -> Verdict:
    return Verdict(danger=Danger.WEAKER_RECOVERY, why=f"the vault works as somebody else ({old} to {new}), whose roles it has to have")


def _in_place(old: Any, new: Any) -> Verdict:
    return Verdict(danger=Danger.OUTAGE, why="Azure changes no policy in place: the up fails", instead="a policy of another name")


def _follows(old: Any, new: Any) -> Verdict:
    return Verdict(danger=Danger.HARMLESS, why="the server's copies follow another policy, which says how long they are kept")


def _source(old: Any, new: Any) -> Verdict:
    return Verdict(danger=Danger.WEAKER_RECOVERY, why=f"something else is copied ({old} to {new})", instead="an instance of its own")


def _words(old: Any, new: Any) -> Verdict:
    return Verdict(danger=Danger.HARMLESS, why="words for people")


ROWS: Mapping[str, Mapping[str, Judge]] = {
    VAULT: {
        "properties.securitySettings.softDeleteSettings.retentionDurationInDays": _days,
        "properties.securitySettings.softDeleteSettings": _protection,
        "properties.securitySettings.immutabilitySettings": _protection,
        "properties.storageSettings": _redundancy,
        "properties.monitoringSettings": _alerts,
        "properties.featureSettings": _restore,
        "identity": _identity,
    },
    POLICY: {"properties": _in_place},
    INSTANCE: {"properties.policyInfo": _follows, "properties.friendlyName": _words, "properties": _source},
}
