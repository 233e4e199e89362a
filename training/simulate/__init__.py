"""A simulated company: a history whose true chances of conversion are known.

Here: everything that makes up such a company. Next door: `leadlight.features` looks at what it leaves behind, and
shares no formula, no rate and no half-life with it (an import contract). Nothing that trains may read the truth.

The process, in steps of one week from Monday to Monday (`calendar`):

1. *Companies and people* (`company`). An account has an industry, a size band and a hidden **driver** (low, usual,
   high) that all its people share. A lead has a source, a campaign, a country, a title, maybe no account. A lead's
   hidden **kind** (buyer, bot, job-seeker) is drawn given what can be seen of it. The mix of sources changes mid-way.
2. *Need* (`need`). A buyer's hidden need moves weekly between none, latent, active and urgent. Its rates depend on
   an index: effects of industry, size (saturating), title, source, campaign, an interaction of rank and size, and the
   driver. Bots and job-seekers are busy for some weeks, then gone, and never buy.
3. *The echo* (`behaviour`). Given that hidden state a lead has a Poisson number of sessions of each kind a week, more
   in the week after a session (activity excites activity); a session is one or more page views and perhaps an act.
   E-mails are opened and clicked by state. Sessions of a week come in bursts.
4. *Sales* (`sales`). The CRM keeps a running total, the **points as practised**: acts add, nothing expires, fit points
   are given once. Reps pick leads by it: high totals nearly always, low ones hardly ever. A worked lead is called,
   maybe met, its missing size filled in; it is let go (``recycled``, points back to 0) sooner where need is low.
   With **exploration** (`simulate(explore=0.05)`) a queue draws whom they pick up: each open lead that no rep has in
   hand has the same chance by its points as before, but never less than the floor. The draw has exactly these chances
   (`leadlight.agreement.exploration`), they are logged (`queue`), and the truth knows of them.
5. *Outcome* (`sales`). Each week an open lead becomes ``sql`` with a chance that depends on hidden need, on being
   worked, and on its title. Bots that are worked get disqualified. After ``sql`` come ``opportunity`` and
   ``customer``, or the lead is recycled and open again without need, until a new one arises.
6. *Recording* (`recording`). Calls, meetings and what reps change are recorded late, some by days.

**The truth** (`chances`, `watcher`). The hidden states, the work and the points as practised are together one Markov
chain, so the chance to reach ``sql`` within 90 days given the hidden state is found *exactly*, by backward steps
(13 weeks are 90 days here, for an ``sql`` never falls on a Sunday). The **observable ceiling** is the posterior mean
of that chance, by *exact* forward filtering over kind, need, driver and size where it is not known, with the account's
other leads taken into account (given driver and size they are independent, so their likelihoods multiply). It
conditions on all that has occurred before the moment, on sessions as a perfect observer would tell them apart, and on
the company's rates. What a model can know is less: rows that are recorded late, and rates that it must learn.
So the ceiling is an upper bound that can be approached, not always reached.

Worlds (`worlds`): ``plain``; ``linear``: additive effects only, no driver, no bots, no job-seekers; ``null``: everybody
converts with the same constant chance; ``shifted``: late in the history other people arrive, with other effects, and
titles close differently; ``honest-points``: what the card looks at is settled on arrival, and the log-odds of
conversion are -4 + 0.06 x its points. In the two worlds where need decides nothing, bots convert like all
others, nobody is disqualified, work has no effect, and all six chances of a moment are one.
"""

if __name__ != "leadlight.training.simulate":
    raise ImportError("import this package as leadlight.training.simulate; the bare name would load a second copy")

from leadlight.training.simulate.run import Simulated, simulate
from leadlight.training.simulate.worlds import WORLDS
from leadlight.training.simulate.write import write

__all__ = ["WORLDS", "Simulated", "simulate", "write"]
