"""The rules of the advisor, in one table: when each holds, what it does, what it then says, and where it comes from.

for rule in RULES: print(rule.name, rule.when, rule.does, rule.source)

Rules of a candidate rank it, in the order of `rule.EFFECTS`: one that cannot answer stands behind all that can, then
one that breaks a limit, then one of which something asked was never measured, then one that is measurably worse, then
what published guidance says where nothing was measured; between equals the money of the whole period decides. Rules of
the answer change no rank: they say what else to do, or to mind. The conditions are in `conditions`, the sentences in
`sentences`.
"""

from __future__ import annotations

from vision_core.advice import conditions as when
from vision_core.advice import sentences as say
from vision_core.advice.rule import Rule

YOURS = "your own limit"
YARDSTICK = "the common yardstick: what a network of that kind can say at all"
MEASURED = (
    "measured on your pictures; 95 % intervals by drawing pictures again (Efron & Tibshirani: An introduction to the "
    "bootstrap, 1993)"
)

RULES: tuple[Rule, ...] = (
    Rule(
        "cannot-count",
        "“How many?” is asked, and the candidate names whole pictures",
        "cannot",
        when.cannot_count,
        say.cannot_count,
        f"{YARDSTICK}; that whole pictures give poorer counts than objects found one by one: Chattopadhyay, Vedantam, "
        "Selvaraju, Batra, Parikh: Counting everyday objects in everyday scenes, CVPR 2017, arXiv:1604.03505",
    ),
    Rule(
        "cannot-place",
        "“Where?” is asked, and the candidate neither draws boxes nor was found to point anywhere",
        "cannot",
        when.cannot_place,
        say.cannot_place,
        f"{YARDSTICK}; that a classifier finds points without extents: Oquab, Bottou, Laptev, Sivic: Is object "
        "localization for free?, CVPR 2015",
    ),
    Rule(
        "cannot-name-each",
        "a fine-grained kind is asked of objects that have places or numbers, and the candidate draws no boxes",
        "cannot",
        when.cannot_name_each,
        say.cannot_name_each,
        YARDSTICK,
    ),
    Rule("too-slow", "a picture takes longer than it may", "limit", when.too_slow, say.too_slow, YOURS),
    Rule(
        "too-wrong",
        "a figure of what is asked is worse than it may be, with the labels that could be had",
        "limit",
        when.too_wrong,
        say.too_wrong,
        f"{YOURS}; the figure's way with labels: Hestness et al. 2017, arXiv:1712.00409",
    ),
    Rule(
        "copyleft",
        "copyleft is not allowed, and a licence of the candidate is one",
        "limit",
        when.copyleft,
        say.copyleft,
        f"{YOURS}; licences as the model catalogue gives them",
    ),
    Rule(
        "non-commercial",
        "non-commercial licences are not allowed, and the code or weights of the candidate have one",
        "limit",
        when.non_commercial,
        say.non_commercial,
        f"{YOURS}; licences as the model catalogue gives them",
    ),
    Rule(
        "too-late",
        "labelling by one person for eight hours a day, and training, take longer than there is time",
        "limit",
        when.too_late,
        say.too_late,
        f"{YOURS}; labelling at the pace of Gygli & Ferrari 2019 (arXiv:1905.10576) and Papadopoulos et al. 2017 "
        "(Extreme clicking, ICCV), training as it was measured",
    ),
    Rule(
        "not-measured",
        "others were measured, but a figure of what is asked was not measured of this candidate",
        "unproven",
        when.not_measured,
        say.not_measured,
        YARDSTICK,
    ),
    Rule(
        "speed-unknown",
        "there is a limit of time, and nobody measured how long the candidate takes",
        "unproven",
        when.speed_unknown,
        say.speed_unknown,
        YOURS,
    ),
    Rule(
        "days-unknown",
        "there is a deadline, and nobody knows how long the candidate's labels or training take",
        "unproven",
        when.days_unknown,
        say.days_unknown,
        YOURS,
    ),
    Rule(
        "fewer-labels-unknown",
        "fewer labels than it learned from are reckoned with, and it has no learning curve while others have one",
        "unproven",
        when.fewer_labels_unknown,
        say.fewer_labels_unknown,
        "figures with all the labels flatter beside figures with fewer: Hestness et al. 2017, arXiv:1712.00409",
    ),
    Rule(
        "licence-unknown",
        "licences are limited, and one of the candidate's is not stated",
        "unproven",
        when.licence_unknown,
        say.licence_unknown,
        f"{YOURS}; licences as the model catalogue gives them",
    ),
    Rule(
        "measurably-worse",
        "the interval of the gap to the best figure of something asked leaves zero out",
        "behind",
        when.measurably_worse,
        say.measurably_worse,
        MEASURED,
    ),
    Rule(
        "dearer-errors",
        "misses and false alarms have an exchange, no price, and errors cost measurably more than the fewest",
        "behind",
        when.dearer_errors,
        say.dearer_errors,
        f"{MEASURED}; errors weighed by their cost: Elkan: The foundations of cost-sensitive learning, IJCAI 2001",
    ),
    Rule(
        "ticks-are-cheaper",
        "nothing was measured, only “is it there?” or the kind is asked, objects are neither small nor many, and the "
        "candidate learns from ticks",
        "guide",
        when.ticks_are_cheaper,
        say.ticks_are_cheaper,
        "a tick takes 5.1 s (Gygli & Ferrari 2019, arXiv:1905.10576), a box 7 s before it is named (Papadopoulos et "
        "al.: Extreme clicking, ICCV 2017), and every object needs one",
    ),
    Rule(
        "boxes-count-and-place",
        "nothing was measured, “how many?” or “where?” is asked without fine-grained kinds, and the candidate detects",
        "guide",
        when.boxes_count_and_place,
        say.boxes_count_and_place,
        "Chattopadhyay et al.: Counting everyday objects in everyday scenes, CVPR 2017, arXiv:1604.03505",
    ),
    Rule(
        "small-or-many",
        "nothing was measured, presence alone is asked, objects are small or many, and the candidate detects",
        "guide",
        when.small_or_many,
        say.small_or_many,
        "a picture made smaller for a network loses small objects first: Singh & Davis: An analysis of scale "
        "invariance in object detection, CVPR 2018, arXiv:1711.08189",
    ),
    Rule(
        "kinds-need-a-close-look",
        "nothing was measured, fine-grained kinds of small, many, counted or placed objects are asked, and the "
        "candidate detects, then classifies",
        "guide",
        when.kinds_need_a_close_look,
        say.kinds_need_a_close_look,
        "classifying what was cut out helps with fine-grained kinds: Zhang, Donahue, Girshick, Darrell: Part-based "
        "R-CNNs for fine-grained category detection, ECCV 2014, arXiv:1407.3867",
    ),
    Rule(
        "cheapest-of-equals",
        "several candidates stand level, and the money of the whole period is known of them",
        "money",
        when.cheapest_of_equals,
        say.cheapest_of_equals,
        "labels at published pace, training and speed as measured, computers by the price list",
    ),
    Rule(
        "train-longer",
        "the first candidate falls short of a limit of yours or cannot be told apart from another task, was trained "
        "with a smaller preset, and a day or more is left",
        "preset",
        when.train_longer,
        say.train_longer,
        "training all layers, and longer, beats training the last ones alone on most data sets: Kornblith, Shlens, Le: "
        "Do better ImageNet models transfer better?, CVPR 2019, arXiv:1805.08974",
    ),
    Rule(
        "label-more",
        "the learning curve of the first candidate promises a gain from more labels, with an interval above zero",
        "labels",
        when.label_more,
        say.label_more,
        "error falls as a power of the labels: Hestness et al. 2017, arXiv:1712.00409",
    ),
    Rule(
        "far-from-measured",
        "the labels that could be had are more than four times those that were learned from, or less than a quarter",
        "mind",
        when.far_from_measured,
        say.far_from_measured,
        "a power law holds between a region of small data and one where nothing more is gained: Hestness et al. 2017, "
        "arXiv:1712.00409",
    ),
    Rule(
        "no-curve",
        "other labels than were learned from are reckoned with, and there is no learning curve",
        "mind",
        when.no_curve,
        say.no_curve,
        "a curve needs three shares of the labels",
    ),
    Rule(
        "other-computer",
        "another computer was named than the one that measured",
        "mind",
        when.other_computer,
        say.other_computer,
        "speeds are measured on this machine and carried over to none",
    ),
    Rule(
        "unequal-training",
        "the first candidate was trained with a longer preset than the best of another task",
        "mind",
        when.unequal_training,
        say.unequal_training,
        "training alone moves a network by more than many networks differ: Wightman, Touvron, Jégou: ResNet strikes "
        "back, 2021, arXiv:2110.00476",
    ),
    Rule(
        "threshold-of-counting",
        "a share of right answers is wanted, and the duel chose its thresholds for counting",
        "mind",
        when.threshold_of_counting,
        say.threshold_of_counting,
        "each contender answers from the score on that serves the duel's question best on validation pictures",
    ),
    Rule(
        "slow-tail",
        "half of the pictures keep the limit of time, and one in twenty does not",
        "mind",
        when.slow_tail,
        say.slow_tail,
        "measured: the 95th percentile of latency",
    ),
    Rule(
        "chosen-on-the-judged",
        "misses and false alarms are weighed, and no validation pictures were kept to choose the threshold on",
        "mind",
        when.chosen_on_the_judged,
        say.chosen_on_the_judged,
        "what is chosen on pictures looks better on them: Cawley & Talbot: On over-fitting in model selection and "
        "subsequent selection bias in performance evaluation, JMLR 2010",
    ),
    Rule(
        "few-pictures",
        "fewer than a hundred held-out pictures were judged",
        "mind",
        when.few_pictures,
        say.few_pictures,
        "the interval of a share of n pictures is at most ±0.98/√n wide (normal approximation of the binomial)",
    ),
    Rule(
        "research-pictures",
        "non-commercial licences are not allowed, and the weights began on pictures licensed for research only",
        "mind",
        when.research_pictures,
        say.research_pictures,
        "licences as the model catalogue gives them; https://www.image-net.org/download.php for ImageNet's terms",
    ),
    Rule(
        "nothing-measured",
        "nothing was measured",
        "mind",
        when.nothing_measured,
        say.nothing_measured,
        "published guidance alone",
    ),
)
"""All rules, in the order in which they are asked."""
