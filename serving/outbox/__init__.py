"""How changed scores go to the CRM: signed webhooks from the table `outbox`, at least once, in order per lead.

Here: signatures, one attempt, when to try again, and the sender that does it all beside the service.
Next door: `store.outbox_table` keeps the messages; who scores a lead puts them there.
"""

if __name__ != "leadlight.serving.outbox":
    raise ImportError(
        "import this package as leadlight.serving.outbox; the bare name would load a second copy of every class"
    )
