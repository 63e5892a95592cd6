"""The duel: classification, detection and the two in turn, on the same pictures, with the same means.

    folder = DuelFolder.create(Path("duel"), DuelPlan(data="Fashion Shelf"))
    result = fight(folder)                       # goes on where an earlier call was stopped
    result["verdict"]["sentence"]

`plan` says what is asked, `parts` what has to be trained for it, `fight` does it, `judging` sets the contenders side by
side, `curves` says what more labels would buy, `verdict` who wins and why.
"""
