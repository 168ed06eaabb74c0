"""What the redirect counts; the application exports the figures."""

from dataclasses import dataclass


@dataclass(slots=True)
class Counts:
    """Totals since the process started.

    Args:
        redirects: visits sent to a destination or fallback.
        refusals: visits to a known link that got a page instead.
        misses: visits to a slug that does not exist.
        orphans: of these, recorded for the workspace that owns the host.
        orphans_lost: of these, those that nobody could tell the owner of while the database was away.
        limited: look-ups and passwords refused because there were too many attempts.
        passwords_wrong: passwords that were not the link's.
        unavailable: visits that could not be answered while the database was away.
        unfollowable: visits to a link whose stored destination is no web address.
        stale: visits answered from the table while the database was away.
        loads: look-ups in the database.
        loads_failed: look-ups that the database did not answer.
        loads_repeated: look-ups thrown away because the link was edited meanwhile.
        clicks_recorded: records in the journal.
        clicks_lost: answered visits that the journal had no room for.
        aids_missing: visits whose destination got no AID, for its key was not known yet.
        places_failed: addresses that the geo database could not be asked for.
        news_lost: times that the connection to Redis was lost.
    """

    redirects: int = 0
    refusals: int = 0
    misses: int = 0
    orphans: int = 0
    orphans_lost: int = 0
    limited: int = 0
    passwords_wrong: int = 0
    unavailable: int = 0
    unfollowable: int = 0
    stale: int = 0
    loads: int = 0
    loads_failed: int = 0
    loads_repeated: int = 0
    clicks_recorded: int = 0
    clicks_lost: int = 0
    aids_missing: int = 0
    places_failed: int = 0
    news_lost: int = 0
