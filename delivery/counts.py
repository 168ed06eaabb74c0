"""What the worker counts; the application exports the figures."""

from dataclasses import dataclass


@dataclass(slots=True)
class Counts:
    """Totals since the process started.

    Args:
        clicks_committed: clicks in the ledger.
        stretches_committed: transactions that stored them.
        stretches_moved: transactions given up because somebody else had shipped the stretch.
        stretches_failed: transactions that MongoDB did not take; they are tried again.
        records_unreadable: journal records that could not be read and were passed over.
        journals_closed: journals shipped completely and removed.
        journals_set_aside: times that a journal could not be read or stored and the others went on.
        announcements_lost: clicks that Redis was not told of; feeds find them in the ledger.
        clicks_folded: clicks that are in the roll-ups; those that are not yet are read one by one.
        folds_failed: times that MongoDB did not take clicks into the roll-ups; they are tried again.
        leases_lost: times that another worker took this one's slot.
    """

    clicks_committed: int = 0
    stretches_committed: int = 0
    stretches_moved: int = 0
    stretches_failed: int = 0
    records_unreadable: int = 0
    journals_closed: int = 0
    journals_set_aside: int = 0
    announcements_lost: int = 0
    clicks_folded: int = 0
    folds_failed: int = 0
    leases_lost: int = 0
