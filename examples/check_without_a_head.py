"""Which limit fires?
==================

Check a published protocol, then the same one with twice the current: which limit fires, and from which paper?
"""

import json

import stimplan as sp


def main() -> None:
    published = sp.read_protocol("select-tdcs")
    report = sp.check(published)
    print(f"{published.title}: {report.verdict}")

    changed = json.loads(sp.dump_protocol(published))
    changed["id"] = "select-tdcs-doubled"
    for electrode in changed["stimulation"]["electrodes"]:
        electrode["current_mA"] *= 2.5
    doubled = sp.check(sp.read_protocol(changed))

    print(f"the same with 2.5 times the current: {doubled.verdict}")
    for finding in doubled.findings:
        if finding.status == "stop":
            print(f"  {finding.rule_id}: {finding.message} [{finding.citation}; {finding.access}]")

    assert report.verdict in ("pass", "warn")
    assert doubled.verdict == "stop"
    assert {"TES-DC-I", "TES-DC-Q"} <= {f.rule_id for f in doubled.findings if f.status == "stop"}


if __name__ == "__main__":
    main()
