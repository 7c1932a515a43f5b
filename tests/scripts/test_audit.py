"""What the audit makes of a report of pip-audit 2.10.1; its form was taken from one."""

from scripts.audit import verdict

FINE = {'name': 'tinydb', 'version': '4.9.0', 'vulns': []}
HOLED = {
    'name': 'jinja2',
    'version': '2.4.1',
    'vulns': [{'id': 'PYSEC-2019-217', 'fix_versions': ['2.10.1'], 'aliases': ['CVE-2019-10906']}],
}
UNKNOWN = {'name': 'synapse', 'skip_reason': 'Dependency not found on PyPI and could not be audited: synapse (0.1.0)'}


def test_a_known_hole_fails_and_names_the_way_out() -> None:
    text, code = verdict({'dependencies': [FINE, HOLED, UNKNOWN]})

    assert code == 1
    assert text.splitlines() == [
        'jinja2 2.4.1: PYSEC-2019-217, mended in 2.10.1',
        '2 of 3 packages audited, 1 known holes.',
    ]


def test_without_holes_it_passes_and_says_how_much_it_saw() -> None:
    assert verdict({'dependencies': [FINE, UNKNOWN]}) == ('1 of 2 packages audited, no known holes.', 0)


def test_an_audit_of_nothing_is_not_called_an_audit() -> None:
    text, code = verdict({'dependencies': [UNKNOWN]})

    assert (code, text[:12]) == (0, 'Not audited:')
