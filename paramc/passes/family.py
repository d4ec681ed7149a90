"""Which model family a job is for: every clue is weighed, the strongest decides, all are kept as evidence."""

from collections.abc import Iterator, Sequence

from paramc.diagnostics.unknown import unknown_name
from paramc.ir.assets import AssetRef
from paramc.ir.family import Evidence, Family
from paramc.ir.job import Job
from paramc.ir.prompt import Prompt
from paramc.passes.family_claims import Claim, Clues, allows, claims_of, version_row
from paramc.passes.family_tables import Strength, base_of, families

UNKNOWN = "unknown"
_ORDER: tuple[Strength, ...] = ("definite", "high", "medium", "low")
_STRONG = ("definite", "high")


def detect(clues: Clues) -> Family:
    """The family that the clues speak for; without any it is `unknown`, base `unknown`, confidence `none`."""
    ranked = sorted(dict.fromkeys(_possible(clues)), key=lambda claim: (_ORDER.index(claim.strength), claim.level))
    if not ranked:
        return Family(name=UNKNOWN, base=UNKNOWN)
    decider = _decider(ranked)
    name = _shared(decider, ranked)
    sure = decider.guess or decider.strength if decider is ranked[0] else decider.strength
    return Family(
        name=name,
        base=base_of(name),
        confidence=_lowered(sure) if _undecided(name, ranked) else sure,
        evidence=tuple(Evidence(source=c.source, value=c.value, says=c.says, strength=c.strength) for c in ranked),
        conflicts=tuple(dict.fromkeys(_conflicts(decider, name, ranked))),
    )


def find_family(job: Job, chosen: str | None = None) -> Family:
    """The family of a job, from everything in it that may tell; or the one that the user chose.

    Raises UnknownName for a choice that is no family.
    """
    if chosen is None:
        return detect(clues_of(job))
    if chosen not in families():
        raise unknown_name("model family", chosen, families())
    evidence = Evidence(source="choice", value=chosen, says=chosen, strength="definite")
    return Family(name=chosen, base=base_of(chosen), confidence="definite", evidence=(evidence,))


def clues_of(job: Job) -> Clues:
    """The places of a job where clues may be."""
    assets, sampling = job.assets, job.sampling
    return Clues(
        checkpoint=assets.checkpoint,
        vae=assets.vae,
        modules=assets.modules,
        networks=(*assets.networks, *_tags(job.prompt)),
        embeddings=assets.embeddings,
        dialect=job.producer.dialect,
        version=job.producer.version,
        fields={stated.key: stated.raw for stated in job.ledger if stated.key},
        prompt=job.prompt.text,
        negative=job.negative.text,
        size=job.size,
        hires=job.hires is not None,
        sampler=sampling.sampler,
        schedule=sampling.schedule,
        cfg_scale=sampling.cfg_scale,
    )


def _tags(prompt: Prompt) -> Iterator[AssetRef]:
    return (AssetRef(name=tag.name) for tag in prompt.networks)


def _possible(clues: Clues) -> Iterator[Claim]:
    """The claims, without weak ones for bases that the program could not run."""
    row = version_row(clues)
    for claim in claims_of(clues):
        if row is None or claim.strength in _STRONG or any(allows(claim, base) for base in row.runs):
            yield claim


def _decider(ranked: Sequence[Claim]) -> Claim:
    """The lead, or the weaker claim that chooses among the families that the lead leaves open."""
    lead = ranked[0]
    if lead.exact:
        return lead
    base = base_of(lead.says)
    for claim in ranked[1:]:
        strong = claim.strength in _STRONG
        if claim.says in lead.also and (strong or lead.strength == "low"):
            return claim
        if strong and lead.says == base and _is_member(claim.says, base):
            return claim
    return lead


def _shared(decider: Claim, ranked: Sequence[Claim]) -> str:
    """The decider's family, or only its base where its equals name other members of it."""
    base = base_of(decider.says)
    rank = (decider.strength, decider.level)
    equals = {claim.says for claim in ranked if (claim.strength, claim.level) == rank and base_of(claim.says) == base}
    return decider.says if decider.exact or equals <= {decider.says, base} else base


def _is_member(family: str, base: str) -> bool:
    return base_of(family) == base != family


def _conflicts(decider: Claim, name: str, ranked: Sequence[Claim]) -> Iterator[str]:
    """Claims that cannot be true beside the verdict; sizes and other mere priors are not worth a word."""
    base = base_of(name)
    for claim in ranked:
        other_base = claim.strength != "low" and not allows(claim, base)
        other_member = claim.strength in _STRONG and _is_member(claim.says, base) and _is_member(name, base)
        if other_base or (other_member and claim.says != name and name not in claim.also):
            yield f"{decider.source} says {decider.says}, {claim.source} says {claim.says}"


def _undecided(name: str, ranked: Sequence[Claim]) -> bool:
    """Whether a clue as strong as the strongest speaks for another base."""
    lead = ranked[0]
    return any(claim.strength == lead.strength and not allows(claim, base_of(name)) for claim in ranked)


def _lowered(strength: Strength) -> Strength:
    return _ORDER[min(_ORDER.index(strength) + 1, len(_ORDER) - 1)]
