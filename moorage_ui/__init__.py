"""`moorage ui`: runs with their live state, logs, plan against actual, artifacts, Datasets and Sites, in a browser.

It changes nothing. Every object is read with the credentials of the person who looks, so the API server decides what
they see. What lies in the stores is read with the keys of whoever runs it, and shown by rights that are asked of the
API server, too (`rights`). Pages are made here, whole; scripts only exchange their parts, draw, and follow.

    app, parts, asking     the application: who may come in, headers of every answer, errors as pages
    gates/                 who comes in: one person at their own machine, bearers of tokens in a cluster
    handlers/              what is gathered for each page
    viewers, rights        who looks, and what they may be shown
    records                what runs left in the artifact stores: read (moorage.stores), never written
    streams, following     server-sent events, bounded
    views/                 raw objects as records: pure
    pages/, markup         records as HTML in which every text is text: pure
    assets, files/         style sheets and scripts

It may not import another room, nor decide who may read what.
"""
