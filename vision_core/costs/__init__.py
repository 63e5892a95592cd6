"""What a model costs on this machine: work, time, memory, energy and money, each number with how it was got."""
