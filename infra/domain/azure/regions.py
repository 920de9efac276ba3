"""Azure regions: display name, paired region, and whether they have availability zones.

An offline fallback from general knowledge, not from a recorded answer: whether a subscription may use a region, and
which features it has there, only the capabilities of that region tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

# name, display name, pair (- for none), zones (z or -)
_ROWS = """
australiacentral|Australia Central|australiacentral2|-
australiacentral2|Australia Central 2|australiacentral|-
australiaeast|Australia East|australiasoutheast|z
australiasoutheast|Australia Southeast|australiaeast|-
austriaeast|Austria East|-|z
brazilsouth|Brazil South|southcentralus|z
brazilsoutheast|Brazil Southeast|brazilsouth|-
canadacentral|Canada Central|canadaeast|z
canadaeast|Canada East|canadacentral|-
centralindia|Central India|southindia|z
centralus|Central US|eastus2|z
chilecentral|Chile Central|-|z
eastasia|East Asia|southeastasia|z
eastus|East US|westus|z
eastus2|East US 2|centralus|z
francecentral|France Central|francesouth|z
francesouth|France South|francecentral|-
germanynorth|Germany North|germanywestcentral|-
germanywestcentral|Germany West Central|germanynorth|z
indonesiacentral|Indonesia Central|-|z
israelcentral|Israel Central|-|z
italynorth|Italy North|-|z
japaneast|Japan East|japanwest|z
japanwest|Japan West|japaneast|z
koreacentral|Korea Central|koreasouth|z
koreasouth|Korea South|koreacentral|-
malaysiawest|Malaysia West|-|z
mexicocentral|Mexico Central|-|z
newzealandnorth|New Zealand North|-|z
northcentralus|North Central US|southcentralus|-
northeurope|North Europe|westeurope|z
norwayeast|Norway East|norwaywest|z
norwaywest|Norway West|norwayeast|-
polandcentral|Poland Central|-|z
qatarcentral|Qatar Central|-|z
southafricanorth|South Africa North|southafricawest|z
southafricawest|South Africa West|southafricanorth|-
southcentralus|South Central US|northcentralus|z
southeastasia|Southeast Asia|eastasia|z
southindia|South India|centralindia|-
spaincentral|Spain Central|-|z
swedencentral|Sweden Central|swedensouth|z
swedensouth|Sweden South|swedencentral|-
switzerlandnorth|Switzerland North|switzerlandwest|z
switzerlandwest|Switzerland West|switzerlandnorth|-
uaecentral|UAE Central|uaenorth|-
uaenorth|UAE North|uaecentral|z
uksouth|UK South|ukwest|z
ukwest|UK West|uksouth|-
westcentralus|West Central US|westus2|-
westeurope|West Europe|northeurope|z
westindia|West India|southindia|-
westus|West US|eastus|-
westus2|West US 2|westcentralus|z
westus3|West US 3|eastus|z
"""


@dataclass(frozen=True)
class Region:
    """One region. `pair` is where geo-redundant backups go, None where there is none."""

    name: str
    display_name: str
    pair: str | None
    zone_redundant: bool

    @property
    def geo_backup(self) -> bool:
        """Whether backups can be geo-redundant: only with a paired region."""
        return self.pair is not None


def _region(row: str) -> Region:
    name, display_name, pair, zones = row.split("|")
    return Region(name, display_name, None if pair == "-" else pair, zones == "z")


REGIONS: Mapping[str, Region] = MappingProxyType({region.name: region for region in map(_region, _ROWS.split("\n")[1:-1])})


def find(name: str) -> Region | None:
    """The region of this name, short (`westeurope`) or as displayed (`West Europe`); None if it is unknown."""
    return REGIONS.get(name.lower().replace(" ", ""))
