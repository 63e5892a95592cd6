"""Arrow's compute functions: made when pyarrow is imported, so that no type checker can see them."""

from __future__ import annotations

from typing import Any

import pyarrow.compute

compute: Any = pyarrow.compute
