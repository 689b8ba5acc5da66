"""Broken files by the thousand: spectra with bits turned over, ends cut off, headers rewritten, sent to the server.

    python tests/chaos/uploads.py --base KB FOLDER...             # 10,000 of them; --number for fewer
    python tests/chaos/uploads.py --base KB FOLDER --seed 3

Each is sent to the page or to an address of REST. None may be answered by a status of 500 or more, none may end the
server, and whatever is refused has to be refused in a sentence. What broke is printed, so that it can be tried again.
"""

from __future__ import annotations

import argparse
import collections
import gzip
import random
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
from benchmarks.page import served

#: Most bytes of a file that is broken.
MOST = 400_000

#: What a header may suddenly say.
CARDS = (
    b"NAXIS1  = -1", b"NAXIS2  = 999999999999", b"TFORM1  = '9999999E'", b"BITPIX  = 7", b"END", b"TTYPE1  = ''",
    b"PCOUNT  = 4000000000", b"COEFF0  = 'x'", b"CUNIT1  = 'furlong'", b"BSCALE  = 0", b"XTENSION= 'IMAGE'",
)  # fmt: skip

Break = Callable[[bytes, random.Random], bytes]


def flipped(content: bytes, chance: random.Random) -> bytes:
    """Some bits are turned over."""
    broken = bytearray(content)
    for _ in range(chance.choice([1, 3, 30, 300])):
        broken[chance.randrange(len(broken))] ^= 1 << chance.randrange(8)
    return bytes(broken)


def cut(content: bytes, chance: random.Random) -> bytes:
    """The end is missing."""
    return content[: chance.randrange(len(content))]


def hole(content: bytes, chance: random.Random) -> bytes:
    """A part in the middle is missing, or nothing but zeros, spaces or ones."""
    low = chance.randrange(len(content))
    high = min(len(content), low + chance.choice([1, 80, 2880, 40_000]))
    return content[:low] + chance.choice([b"", b"\0", b" ", b"\xff"]) * (high - low) + content[high:]


def header(content: bytes, chance: random.Random) -> bytes:
    """Cards of a FITS header say something else."""
    broken = bytearray(content)
    for _ in range(chance.choice([1, 2, 5])):
        at = 80 * chance.randrange(max(1, min(len(broken), 30_000) // 80))
        broken[at : at + 80] = chance.choice(CARDS).ljust(80)
    return bytes(broken)


def doubled(content: bytes, chance: random.Random) -> bytes:
    """Twice, or behind something else."""
    return chance.choice([content + content, b"\n" * 5000 + content, b"\xef\xbb\xbf" + content])


def noise(content: bytes, chance: random.Random) -> bytes:
    """No spectrum at all."""
    return chance.choice(
        [b"", b"\0" * 10_000, chance.randbytes(5000), b"<html>login</html>", b"a,b\n" + b"1,x\n" * 999]
    )


def text(content: bytes, chance: random.Random) -> bytes:
    """Numbers in columns, some of them none."""
    rows = [
        f"{3600 + i} {chance.choice(['1', 'nan', '-1e400', 'inf', '', '1,5', '0x10'])} 1" for i in range(300)
    ]
    return "\n".join(rows).encode()


BREAKS: tuple[Break, ...] = (flipped, cut, hole, header, doubled, noise, text)

#: Endings that a reader may be misled by.
ENDINGS = ("", ".fits", ".fits.gz", ".csv", ".txt", ".pha", ".arf", ".rmf", ".lance", ".npz", ".pkl", ".html")


def plain(path: Path) -> bytes:
    """The content of a file, unpacked if it is packed."""
    content = path.read_bytes()
    return gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content


def broken(files: list[Path], chance: random.Random) -> Iterator[tuple[str, str, bytes]]:
    """Without end: how it was broken, a name, the content."""
    whole = [content[:MOST] for path in files if (content := plain(path))]
    while True:
        number = chance.randrange(len(files))
        how = chance.choice(BREAKS)
        name = files[number].name
        if (
            name.endswith(".gz") and chance.random() < 0.5
        ):  # packed first, then broken; or the other way round
            content = how(gzip.compress(whole[number], 1), chance)
        else:
            content = how(whole[number], chance)
            name = name.removesuffix(".gz")
        if chance.random() < 0.3:
            name = name.split(".")[0] + chance.choice(ENDINGS)
        if chance.random() < 0.1:
            content = gzip.compress(content, 1)
        yield how.__name__, name, content


def main() -> int:
    """Send them, and count what came back; 1 where something broke."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--number", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    said = parser.parse_args()
    chance = random.Random(said.seed)
    files = sorted(path for folder in said.folders for path in folder.rglob("*") if path.is_file())
    files = [path for path in files if path.stat().st_size < 4_000_000]
    files = chance.sample(files, min(len(files), 200))
    counts: collections.Counter[tuple[str, int]] = collections.Counter()
    faults, begun = [], time.monotonic()
    with served(said.base, 2) as address, httpx.Client(base_url=address, timeout=120) as client:
        name = client.get("/v1/bases").json()["bases"][0]["name"]
        for i, (how, called, content) in zip(range(said.number), broken(files, chance), strict=False):
            place = chance.choice(
                [f"/kb/{name}/bring", f"/v1/bases/{name}/search", f"/v1/bases/{name}/measure"]
            )
            try:
                answer = client.post(
                    place, files={"spectra": (called, content)}, headers={"accept": "application/json"}
                )
            except httpx.HTTPError as error:
                faults.append(f"{i} {how} {called} {place}: {type(error).__name__}")
                continue
            counts[how, answer.status_code] += 1
            if answer.status_code >= 500 or (answer.status_code >= 400 and not answer.json().get("detail")):
                faults.append(f"{i} {how} {called} {place}: {answer.status_code} {answer.text[:200]}")
            if i % 1000 == 999:
                print(
                    f"{i + 1} sent, {len(faults)} faults, {time.monotonic() - begun:.0f} s", file=sys.stderr
                )
        alive = client.get("/healthz").status_code == 200
    for (how, status), n in sorted(counts.items()):
        print(f"{how:8} {status} {n:6}")
    print(
        f"{sum(counts.values())} uploads, {len(faults)} faults, the server {'lives' if alive else 'is gone'}"
    )
    for one in faults[:20]:
        print(" ", one)
    return 0 if alive and not faults else 1


if __name__ == "__main__":
    raise SystemExit(main())
