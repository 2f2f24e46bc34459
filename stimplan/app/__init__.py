"""The app: protocols, the field's preview and the verdict of the safety rules in a browser, on this machine only.

How it hangs together
---------------------
`server.serve` starts a trame server on 127.0.0.1; `security` lets nobody in who has not the token; `layout` lays the
page out in four regions (left, middle, right, bottom); `view` is the middle, the head.

What the app shows is one immutable value, the `Plan` (`stimplan.app.plan`): a protocol, a head's name, the person.
One `Session` (`stimplan.app.session`) holds the plan of the moment. Whoever changes something makes a new plan and
gives it to the session; whoever shows something is told:

    session.plan                          the plan of the moment
    session.change(plan, by="sliders")    a new one; every listener is called, each on its own
    session.on_plan(listener)             listener(plan, by), on each change; call it yourself once for the start
    session.pick("F3")                    a site was picked: an electrode comes there or goes (stimplan.app.edits)
    session.say("...", kind="error")      a line for the person: "info", "success", "warning" or "error"
    session.handler("name", function)     a handler of the page, reached by `click=(session.trigger("name"), "[...]")`;
                                          a StimplanError in it becomes a line for the person, nothing else gets out
    session.state                         trame's state: what the page shows; the names of a panel start with its id
    session.folder                        the only folder that may be read or written, see `stimplan.app.folder`

Panels
------
A panel is a value (`stimplan.app.registry.Panel`): an id, a title, a region and a function `build(session)`, called
once inside the container of its region: it sets its part of the state, registers its handlers and listeners, and lays
out its widgets (`from trame.widgets import vuetify3, html`; import them inside the function). Panels of one region are
tabs, in the order of `stimplan.app.panels.PANELS`.

The names of state the shell shows: `verdict` ("pass", "warn", "stop", "unknown"), set by the safety panel; the chip
beside the protocol's name shows it.

Changes of a protocol are pure functions of `stimplan.app.panels` (`changes`, `balance`, `pose`); `stimplan.app.edits`
chooses among them what a click on the head means.
"""
