"""What the machine and this process are doing: CPU, memory, disk, network, GPUs.

On Linux the numbers come from /proc; elsewhere from psutil if it is installed. GPUs are asked through the
library of their maker, if that is installed: `pynvml` (NVIDIA), `amdsmi` (AMD). What cannot be read is left
out.
"""

from __future__ import annotations

import importlib
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Reading = dict[str, float]

UNITS = {
    "cpu_percent": "%",
    "memory_percent": "%",
    "memory_bytes": "B",
    "disk_percent": "%",
    "disk_read_bytes_per_s": "B/s",
    "disk_written_bytes_per_s": "B/s",
    "network_received_bytes_per_s": "B/s",
    "network_sent_bytes_per_s": "B/s",
    "process_cpu_percent": "%",
    "process_memory_bytes": "B",
    "process_threads": "",
}

_SECTOR_BYTES = 512


class SystemSampler:
    """Takes samples; rates are since the sample before, and absent from the first."""

    def __init__(self, folder: Path, *, prefix: str = "system/") -> None:
        """
        folder: the disk whose fill is watched is the one this lies on.
        prefix: what the metrics' names begin with.
        """
        self._folder = folder
        self._prefix = prefix
        self._counters: dict[str, float] = {}
        self._sampled_at = 0.0
        self._machine: Callable[[], tuple[Reading, Reading]] | None = None
        if sys.platform == "linux":
            self._machine = read_proc
        elif (psutil := _optional("psutil")) is not None:
            self._machine = lambda: read_psutil(psutil)
        self._gpus = [reader for reader in (_nvidia(), _amd()) if reader is not None]

    def sample(self) -> dict[str, float]:
        """Return the metrics of this moment by name. A part that fails is left out."""
        now = time.monotonic()
        values: Reading = {}
        if self._machine is not None:
            try:
                gauges, counters = self._machine()
            except (OSError, ValueError, LookupError):
                gauges, counters = {}, {}
            values.update(gauges)
            values.update(self._rates(counters, now - self._sampled_at))
            self._counters = counters
        self._sampled_at = now
        values.update(_disk_fill(self._folder))
        for read in self._gpus:
            try:
                values.update(read())
            except Exception:  # noqa: S112 - a driver may raise anything of its own
                continue
        return {self._prefix + name: value for name, value in values.items()}

    def _rates(self, counters: Reading, elapsed_s: float) -> Reading:
        before = self._counters
        if not before or elapsed_s <= 0:
            return {}
        grown = {name: max(0.0, value - before.get(name, value)) for name, value in counters.items()}
        rates = {}
        if grown.get("cpu_total_s"):
            rates["cpu_percent"] = 100 * grown.get("cpu_busy_s", 0.0) / grown["cpu_total_s"]
        if "process_cpu_s" in grown:
            rates["process_cpu_percent"] = 100 * grown["process_cpu_s"] / elapsed_s
        for name in ("disk_read", "disk_written", "network_received", "network_sent"):
            if f"{name}_bytes" in grown:
                rates[f"{name}_bytes_per_s"] = grown[f"{name}_bytes"] / elapsed_s
        return rates


def read_proc() -> tuple[Reading, Reading]:
    """Return gauges and counters from /proc.

    Raises OSError, ValueError or LookupError if it does not look as expected.
    """
    ticks_per_s = os.sysconf("SC_CLK_TCK")
    gauges: Reading = {}
    counters: Reading = {}
    # user nice system idle iowait irq softirq steal
    times = [int(field) for field in _lines("/proc/stat")[0].split()[1:9]]
    counters["cpu_total_s"] = sum(times) / ticks_per_s
    counters["cpu_busy_s"] = (sum(times) - times[3] - times[4]) / ticks_per_s
    memory = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in _lines("/proc/meminfo")}
    used = memory["MemTotal"] - memory["MemAvailable"]
    gauges["memory_bytes"] = used
    gauges["memory_percent"] = 100 * used / memory["MemTotal"]
    # The second field is the name in parentheses and may hold anything.
    process = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    counters["process_cpu_s"] = (int(process[11]) + int(process[12])) / ticks_per_s
    gauges["process_threads"] = int(process[17])
    gauges["process_memory_bytes"] = int(process[21]) * os.sysconf("SC_PAGE_SIZE")
    interfaces = [line.replace(":", " ").split() for line in _lines("/proc/net/dev")[2:]]
    outer = [fields for fields in interfaces if fields and fields[0] != "lo"]
    counters["network_received_bytes"] = sum(int(fields[1]) for fields in outer)
    counters["network_sent_bytes"] = sum(int(fields[9]) for fields in outer)
    disks = [fields for line in _lines("/proc/diskstats") if _is_disk((fields := line.split())[2])]
    counters["disk_read_bytes"] = sum(int(fields[5]) for fields in disks) * _SECTOR_BYTES
    counters["disk_written_bytes"] = sum(int(fields[9]) for fields in disks) * _SECTOR_BYTES
    return gauges, counters


def read_psutil(psutil: Any) -> tuple[Reading, Reading]:
    """Return the same from psutil."""
    process = psutil.Process()
    memory = psutil.virtual_memory()
    times = psutil.cpu_times()
    gauges = {
        "memory_bytes": float(memory.total - memory.available),
        "memory_percent": float(memory.percent),
        "process_threads": float(process.num_threads()),
        "process_memory_bytes": float(process.memory_info().rss),
    }
    own = process.cpu_times()
    total = sum(times)
    counters = {
        "cpu_total_s": float(total),
        "cpu_busy_s": float(total - times.idle - getattr(times, "iowait", 0.0)),
        "process_cpu_s": float(own.user + own.system),
    }
    network = psutil.net_io_counters()
    if network is not None:
        counters["network_received_bytes"] = float(network.bytes_recv)
        counters["network_sent_bytes"] = float(network.bytes_sent)
    disk = psutil.disk_io_counters()
    if disk is not None:
        counters["disk_read_bytes"] = float(disk.read_bytes)
        counters["disk_written_bytes"] = float(disk.write_bytes)
    return gauges, counters


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()


def _is_disk(name: str) -> bool:
    """Whole disks only: their partitions, and mappings onto them, would be counted twice."""
    return Path(f"/sys/block/{name}/device").exists()


def _disk_fill(folder: Path) -> Reading:
    try:
        found = os.statvfs(folder)
    except (OSError, AttributeError):
        return {}
    whole = found.f_blocks - found.f_bfree + found.f_bavail
    return {"disk_percent": 100 * (found.f_blocks - found.f_bfree) / whole} if whole else {}


def _optional(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except Exception:  # a broken driver's library may raise anything
        return None


def _nvidia() -> Callable[[], Reading] | None:
    nvml = _optional("pynvml")
    if nvml is None:
        return None
    try:
        nvml.nvmlInit()
        handles = [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(nvml.nvmlDeviceGetCount())]
    except Exception:  # no driver, no card
        return None

    def read() -> Reading:
        values: Reading = {}
        for index, handle in enumerate(handles):
            memory = nvml.nvmlDeviceGetMemoryInfo(handle)
            values[f"gpu{index}_percent"] = float(nvml.nvmlDeviceGetUtilizationRates(handle).gpu)
            values[f"gpu{index}_memory_bytes"] = float(memory.used)
            values[f"gpu{index}_memory_percent"] = 100 * memory.used / memory.total
            values[f"gpu{index}_watts"] = nvml.nvmlDeviceGetPowerUsage(handle) / 1000
            values[f"gpu{index}_celsius"] = float(nvml.nvmlDeviceGetTemperature(handle, 0))
        return values

    return read


def _amd() -> Callable[[], Reading] | None:
    smi = _optional("amdsmi")
    if smi is None:
        return None
    try:
        smi.amdsmi_init()
        handles = smi.amdsmi_get_processor_handles()
    except Exception:  # no driver, no card
        return None

    def read() -> Reading:
        values: Reading = {}
        for index, handle in enumerate(handles):
            memory = smi.amdsmi_get_gpu_vram_usage(handle)
            values[f"gpu{index}_percent"] = float(smi.amdsmi_get_gpu_activity(handle)["gfx_activity"])
            # In MiB, both.
            values[f"gpu{index}_memory_bytes"] = memory["vram_used"] * 1024.0**2
            values[f"gpu{index}_memory_percent"] = 100 * memory["vram_used"] / memory["vram_total"]
        return values

    return read
