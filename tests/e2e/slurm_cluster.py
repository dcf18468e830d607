"""A throw-away SLURM cluster on this computer, each of its nodes with a GPU that is none.

All of it lives in one folder and needs neither systemd nor configuration outside; every daemon is
ended by its recorded process id.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol", "sinfo")
STARTUP = 60.0  # s
CONFIGURATION = """\
ClusterName=throwaway
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/run/munge.socket
CredType=cred/munge
SlurmctldPort={port}
SlurmdPort={next_port}
SlurmctldPidFile={folder}/run/slurmctld.pid
SlurmdPidFile={folder}/run/slurmd.%n.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd.%n.log
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,bf_interval=2,sched_min_interval=10000,batch_sched_delay=0
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
JobCompType=jobcomp/none
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
SlurmdParameters=config_overrides
MailProg=/bin/true
KillWait=5
GresTypes=gpu
NodeName={nodes} NodeHostname={nodes} NodeAddr=127.0.0.1 Port={ports} CPUs={cpus} \
RealMemory={memory} Gres=gpu:fake:1 State=UNKNOWN
PartitionName=debug Nodes=ALL Default=YES MaxTime=INFINITE State=UP DefMemPerCPU=500
"""
DEVICES = """\
AutoDetect=off
NodeName={nodes} Name=gpu Type=fake File={folder}/gpu/nvidia0
"""


def why_not() -> str:
    """Why no cluster can be made here; empty if it can."""
    absent = [name for name in PROGRAMS if shutil.which(name) is None]
    if absent:
        return f"SLURM is not installed ({', '.join(absent)} missing)"
    if os.geteuid() != 0:
        return "the daemons of SLURM need root"
    probe = subprocess.run(["unshare", "--uts", "true"], capture_output=True, text=True)
    return "" if probe.returncode == 0 else f"nodes cannot have names: {probe.stderr.strip()}"


class SlurmCluster:
    """A controller and nodes.

    Parameters
    ----------
    nodes, cpus, memory
        How many nodes, and processors and MiB that each of them claims to have.
    """

    def __init__(self, nodes: int = 2, cpus: int = 4, memory: int = 20000) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="slurm", dir="/tmp"))  # sockets want it short
        self.names = [f"n{i + 1}" for i in range(nodes)]
        self.configuration = self.folder / "etc" / "slurm.conf"
        for name in ("etc", "run", "log", "state", "gpu"):
            (self.folder / name).mkdir()
        for folder in (self.folder, *self.folder.iterdir()):
            folder.chmod(0o755)
        port = _free_ports(nodes + 2)
        together = f"n[1-{nodes}]"
        words = {
            "folder": self.folder,
            "host": socket.gethostname().partition(".")[0],
            "port": port,
            "next_port": port + 1,
            "ports": f"[{port + 2}-{port + 1 + nodes}]",
            "nodes": together,
            "cpus": cpus,
            "memory": memory,
        }
        self.configuration.write_text(CONFIGURATION.format(**words))
        self.configuration.with_name("gres.conf").write_text(DEVICES.format(**words))
        (self.folder / "gpu" / "nvidia0").symlink_to("/dev/null")
        key = self.folder / "etc" / "munge.key"
        key.touch(mode=0o600)
        key.write_bytes(os.urandom(128))
        self.environment = {**os.environ, "SLURM_CONF": str(self.configuration)}

    def start(self) -> None:
        """Start all daemons, and wait until the nodes take jobs."""
        run = self.folder / "run"
        self._call(
            *("munged", "--force", f"--key-file={self.folder}/etc/munge.key"),
            *(f"--socket={run}/munge.socket", f"--pid-file={run}/munged.pid"),
            *(f"--log-file={self.folder}/log/munged.log", f"--seed-file={run}/munged.seed"),
        )
        self.start_controller()
        for name in self.names:  # each in a namespace of its own, so that it has its own name
            script = 'hostname "$1"; exec slurmd -f "$2" -N "$1"'
            self._call(
                "unshare", "--uts", "bash", "-c", script, "_", name, str(self.configuration)
            )
        end = time.monotonic() + STARTUP
        while self._states() != ["idle"] * len(self.names):
            if time.monotonic() > end:
                logs = [p.read_text()[-1000:] for p in (self.folder / "log").iterdir()]
                raise RuntimeError("the cluster does not start:\n" + "\n".join(logs))
            time.sleep(0.1)

    def start_controller(self) -> None:
        """Start the controller, which goes on from its saved state."""
        self._call("slurmctld", "-i", "-f", str(self.configuration))

    def stop_controller(self) -> None:
        """End the controller; jobs go on."""
        self._end("slurmctld")

    def stop(self) -> None:
        """Cancel all jobs, end all daemons, remove the folder."""
        subprocess.run(
            ["scancel", "--user=root"], env=self.environment, capture_output=True, timeout=30
        )
        time.sleep(0.5)
        for name in (*(f"slurmd.{node}" for node in self.names), "slurmctld", "munged"):
            self._end(name)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _states(self) -> list[str]:
        done = subprocess.run(
            ["sinfo", "--noheader", "--Node", "--format=%t"],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=30,
        )
        return done.stdout.split()

    def _call(self, *words: str) -> None:
        subprocess.run(
            words,
            env=self.environment,
            check=True,
            timeout=30,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def _end(self, name: str) -> None:
        """End a daemon by the process id that it has recorded."""
        try:
            pid = int((self.folder / "run" / f"{name}.pid").read_text())
            program = Path(f"/proc/{pid}/comm").read_text()
        except (OSError, ValueError):
            return
        if not name.startswith(program.strip()):
            return
        os.kill(pid, signal.SIGTERM)
        end = time.monotonic() + 10
        while Path(f"/proc/{pid}").exists():
            if time.monotonic() > end:
                os.kill(pid, signal.SIGKILL)
                break
            time.sleep(0.05)


def _free_ports(count: int) -> int:
    """First of so many ports in a row that nobody uses."""
    start = 20000 + 16 * (os.getpid() % 2000)  # tests may run in several processes
    for first in range(start, 60000, count):
        try:
            for port in range(first, first + count):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first
    raise RuntimeError("no free ports")
