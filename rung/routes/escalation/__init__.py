"""When the specialist should not answer alone: signals, rules, doubt, cascades, what it all costs.

In reading order: `signals` says what can be known of a request and an answer (`text_signals`,
`complexity`, `answer_signals`), `rules` and `rules_file` what of it hands a request on,
`candidates` and `mine` find rules in failures, `doubt` turns signals into a probability of error,
`outcomes` and `operating` price every way to escalate, `fit` puts them together, `policy` is what
serving needs of all that, `cascade` serves it; `economics`, `tiers` and `worth` say what it is
worth, `wording` says it in sentences. The holdout is the gate's.
"""
