"""The doctor: what is wrong with a data set, what it does to training, and a mended copy at one click.

diagnosis = check(index)
better = fix(index, diagnosis, diagnosis.fixable, Path("photos-mended"))
"""

from vision_core.data.doctor.catalogue import FAULTS, Fault, Severity
from vision_core.data.doctor.check import check
from vision_core.data.doctor.findings import CheckOptions, Diagnosis, Finding, Task
from vision_core.data.doctor.mend import fix

__all__ = ["FAULTS", "CheckOptions", "Diagnosis", "Fault", "Finding", "Severity", "Task", "check", "fix"]
