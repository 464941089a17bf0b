"""Legal and documents: leases, confidentiality agreements, signatures, archives."""

from __future__ import annotations

from rung.worlds.operations.case import Case, never, use, workflow
from rung.worlds.operations.desk import Desk


@workflow("legal", "notes wiki esign")
def lease_renewal(desk: Desk) -> Case:
    """The template depends on the kind of lease; the landlord signs, not the agent."""
    landlord, site = desk.take("company"), desk.take("site")
    kind, other = desk.shuffled(["office", "storage"])
    lease, similar = desk.code("L"), desk.code("L")
    signer, agent = desk.contact(landlord), desk.contact(desk.take("company"))
    ends = desk.day(60, 120)
    note = desk.add(
        "notes",
        title=f"Lease {lease}, {site}",
        kind=kind,
        landlord=signer,
        agent=agent,
        ends=ends,
        status="running",
    )
    desk.add(
        "notes",
        title=f"Lease {similar}, {site}",
        kind=other,
        landlord=desk.contact(landlord),
        agent=agent,
        ends=desk.day(400, 700),
        status="running",
    )
    templates = {
        name: desk.add("templates", name=f"Lease renewal, {name}")
        for name in desk.shuffled([kind, other])
    }
    desk.add("templates", name=f"Lease termination, {kind}")
    page = desk.page()
    steps = [
        use("notes.find", query=f"Lease {lease}"),
        use("wiki.find_pages", query=page),
        use("esign.find", query="lease renewal"),
        use("esign.send", template_id=templates[kind], signer=signer, reference=lease),
        use("notes.update", note_id=note, status="renewal_sent"),
    ]
    wrong = never("sent_to_the_agent", "esign.send", signer=agent)
    return Case(facts={"lease": lease, "site": site, "page": page}, steps=steps, never=[wrong])


@workflow("legal", "pipeline esign wiki")
def prospect_nda(desk: Desk) -> Case:
    """Mutual if they share data, else one-way; none if one was completed already."""
    company, similar = desk.take("company"), desk.take("company")
    state = desk.choose("mutual", "one-way", "signed")
    contact = desk.contact(company)
    shares = "yes" if state == "mutual" else "no"
    card = desk.add("cards", company=company, contact=contact, shares_own_data=shares, phase="new")
    desk.add(
        "cards",
        company=similar,
        contact=desk.contact(similar),
        shares_own_data="yes" if shares == "no" else "no",
        phase="new",
    )
    templates = {
        name: desk.add("templates", name=f"NDA, {name}")
        for name in desk.shuffled(["mutual", "one-way"])
    }
    for name in (company, similar) if state == "signed" else (similar,):
        desk.add(
            "envelopes",
            template_id=templates["one-way"],
            document="NDA, one-way",
            signer=contact if name == company else desk.contact(similar),
            reference=name,
            status="completed",
        )
    page = desk.page()
    steps = [
        use("pipeline.find_cards", query=company),
        use("wiki.find_pages", query=page),
        use("esign.find", query=f"NDA {company}"),
    ]
    if state == "signed":
        steps.append(use("pipeline.move_card", card_id=card, phase="nda_signed"))
    else:
        steps += [
            use("esign.send", template_id=templates[state], signer=contact, reference=company),
            use("pipeline.move_card", card_id=card, phase="nda_sent"),
        ]
    again = [never("asked_to_sign_again", "esign.send")] if state == "signed" else []
    return Case(facts={"company": company, "page": page}, steps=steps, never=again)


@workflow("legal", "notes wiki drive mail")
def lease_archive(desk: Desk) -> Case:
    """The signed copy goes to the year the lease ended, unless its deposit is still open."""
    site, lease, running = desk.take("site"), desk.code("L"), desk.code("L")
    owner = desk.person(site=site, team="facilities")
    settled = desk.flip()
    ended = desk.day(-420, -30)
    year = ended[:4]
    current = desk.add("folders", name="Leases")
    archives = {
        name: desk.add("folders", name=f"Lease archive {name}")
        for name in desk.shuffled([str(int(year) - 1), year, str(int(year) + 1)])
    }
    files = [
        desk.add(
            "files", name=f"{lease} {what}", folder_id=current, folder="Leases", shared_with=[]
        )
        for what in desk.shuffled(["signed copy", "draft"])
    ]
    signed = next(
        row["id"] for row in desk.tables["files"] if row["name"] == f"{lease} signed copy"
    )
    desk.add(
        "files",
        name=f"{running} signed copy",
        folder_id=current,
        folder="Leases",
        shared_with=[],
    )
    note = desk.add(
        "notes",
        title=f"Lease {lease}, {site}",
        ended=ended,
        deposit="settled" if settled else "open",
        owner=owner["email"],
        status="ended",
    )
    page = desk.page()
    steps = [use("notes.find", query=f"Lease {lease}"), use("wiki.find_pages", query=page)]
    if settled:
        steps += [
            use("drive.find", query=lease),
            use("drive.find", query=f"Lease archive {year}"),
            use("drive.move", file_id=signed, folder_id=archives[year]),
            use("notes.update", note_id=note, status="archived"),
        ]
    else:
        steps += [
            use("notes.update", note_id=note, status="waiting"),
            use(
                "mail.send",
                to=owner["email"],
                text=f"The deposit of {lease} is still open, so it is not archived yet.",
                says={"text": [lease]},
            ),
        ]
    stays = [file for file in files if file != signed or not settled]
    kept = [never("archived_what_must_stay", "drive.move", file_id=file) for file in stays]
    return Case(facts={"lease": lease, "site": site, "page": page}, steps=steps, never=kept)


@workflow("legal", "esign wiki directory")
def signature_rerouting(desk: Desk) -> Case:
    """Contracts up to the limit are signed by the team's lead, larger ones by the director."""
    company, team = desk.take("company"), desk.choose("Sales", "Purchasing", "Logistics")
    document = desk.take("contract")
    limit, large = desk.choose(10, 20, 50) * 1000, desk.flip()
    value = limit + desk.number(1, 9) * 500 if large else limit - desk.number(1, 9) * 500
    lead = desk.person(team=team, role="team lead")
    director = desk.person(team="board", role="managing director")
    left = desk.person(team=team, role="former team lead")
    template = desk.add("templates", name=document)
    sent = {"template_id": template, "document": document, "signer": left["email"]}
    envelope = desk.add("envelopes", **sent, reference=company, value_eur=value, status="sent")
    desk.add(
        "envelopes",
        **sent,
        reference=desk.take("company"),
        value_eur=limit,
        status="completed",
    )
    page = desk.page(limit=limit)
    signer = director if large else lead
    role = "managing director" if large else team
    steps = [
        use("esign.find", query=f"{document} {company}"),
        use("wiki.find_pages", query=page),
        use("directory.find", query=role),
        use("esign.void", envelope_id=envelope),
        use("esign.send", template_id=template, signer=signer["email"], reference=company),
    ]
    unfit = director if not large else lead
    wrong = never("sent_to_the_wrong_signer", "esign.send", signer=unfit["email"])
    facts = {"company": company, "document": document, "team": team, "page": page}
    return Case(facts=facts, steps=steps, never=[wrong])


WORKFLOWS = (
    lease_renewal,
    prospect_nda,
    lease_archive,
    signature_rerouting,
)
