import subprocess
import sys
import textwrap
import unittest


def run(body: str) -> subprocess.CompletedProcess[str]:
    program = "import sys\nfrom worker.leave import leave\n" + textwrap.dedent(body)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30)


class Leave(unittest.TestCase):
    def test_what_is_registered_runs_and_threads_end_but_nothing_is_freed(self) -> None:
        ended = run("""
            import atexit, threading, time
            class Held:
                def __del__(self): print("freed")
            held = Held()
            atexit.register(print, "registered", end="")
            threading.Thread(target=lambda: (time.sleep(0.2), print("joined,"))).start()
            leave(3)
        """)
        self.assertEqual((ended.returncode, ended.stdout, ended.stderr), (3, "joined,\nregistered", ""))

    def test_a_failure_keeps_its_traceback_and_its_code(self) -> None:
        ended = run("""
            raise RuntimeError("no")
        """)
        self.assertEqual(ended.returncode, 1)
        self.assertIn("RuntimeError: no", ended.stderr)


if __name__ == "__main__":
    unittest.main()
