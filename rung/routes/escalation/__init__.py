"""When the specialist should not answer alone: signals, rules, doubt, cascades, what it all costs.

In reading order: `signals` says what can be known of a request and an answer (`text_signals`,
`complexity`, `answer_signals`), `rules` what of it hands a request on, `mine` finds rules in
failures, `doubt` turns signals into a probability of error, `outcomes` and `operating` price every
way to escalate, `policy` is what serving needs of all that, `cascade` serves it; `economics` and
`tiers` say what it is worth. Fitting sees dev rows only; the holdout is the gate's.
"""
