"""Two shuffled epochs with a DataLoader of torch and two workers. Usage: with_torch.py /mnt/datasets/digits."""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

PIXELS = 64


class Digits(Dataset):
    """Files of images, 64 bytes each. None is open when workers are forked, and none stays open."""

    def __init__(self, folder: Path) -> None:
        self.files = sorted(folder.glob("*.bin"))
        self.rows = self.files[0].stat().st_size // PIXELS

    def __len__(self) -> int:
        return len(self.files) * self.rows

    def __getitem__(self, number: int) -> tuple[int, torch.Tensor]:
        file, row = divmod(number, self.rows)
        pixels = np.fromfile(self.files[file], np.uint8, PIXELS, offset=row * PIXELS)
        return number, torch.from_numpy(pixels).reshape(8, 8)


order = torch.Generator().manual_seed(7)
digits = Digits(Path(sys.argv[1]))
loader = DataLoader(digits, batch_size=32, shuffle=True, num_workers=2, persistent_workers=True, generator=order)
for _ in range(2):
    batches = list(loader)
    numbers = torch.cat([number for number, _ in batches]).tolist()
    ink = sum(int(images.sum()) for _, images in batches)
    print(json.dumps({"rows": len(set(numbers)), "ink": ink, "first": numbers[:5]}))
