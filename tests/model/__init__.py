"""Random histories of people, hands and faults, and what must hold after each of their steps (faults.md, 1 and 5).

`book` is the model: what was decided, in dictionaries. `door` stands between a worker and a cluster: faults, halts and
deaths happen there, and everything is noted. `crew` are workers that stand still and go on. `grounds` is the cluster as
somebody sees it who is not Berth, with the hands of such a person. `world` brings them together, `checks` are the
invariants, `machine` draws the steps.
"""
