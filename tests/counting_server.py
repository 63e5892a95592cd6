"""Starts the dashboard with every layer that runs written down: the file LOG grows by one byte a layer.

python -m tests.counting_server LOG run app.py --server.port=8501
"""

from __future__ import annotations

import os
import sys

from streamlit.web.cli import main
from torch.nn.modules.module import register_module_forward_pre_hook

if __name__ == "__main__":
    log = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def write_down(module: object, inputs: object) -> None:
        os.write(log, b".")

    register_module_forward_pre_hook(write_down)
    main(sys.argv[2:], prog_name="streamlit")
