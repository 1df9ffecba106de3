"""Of section E: the service."""

from tests.catalogue.contradictions.change import Changes, Found, Way


def _e1(found: Found, way: Way) -> None:
    found["two"]["pgd_accuracy"] = found["one"]["pgd_accuracy"] + (0.01 if way > 0 else 0.1)


def _e2(found: Found, way: Way) -> None:
    found["two"]["mean_l0"] = found["one"]["mean_l0"] + (0.0 if way > 0 else 1e-3)


def _e3(found: Found, way: Way) -> None:
    found["search"]["trials"] = {"finished": 2, "stopped": 2} | ({} if way > 0 else {"failed": 1})


def _e4(found: Found, way: Way) -> None:
    found["service"]["kept"]["model"] = 1 if way > 0 else 0


def _e5(found: Found, way: Way) -> None:
    found["service"]["same_weights"] = way > 0


CHANGES: Changes = {"E1": _e1, "E2": _e2, "E3": _e3, "E4": _e4, "E5": _e5}
