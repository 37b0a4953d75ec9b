"""A pool of workers that may be late, die, or not answer for a while; batches go to those that are up."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from deeplift_tf.errors import WorkerError
from deeplift_tf.runs.engines.patience import Clock, Patience
from deeplift_tf.runs.request import Arrays
from deeplift_tf.runs.source import RowBatch

logger = logging.getLogger("deeplift_tf")

RETRIES = 3  # of a batch whose worker has died while it scored it, before the run ends
STARTS = 3  # of a worker that dies while it starts, before it is given up
EACH = 2  # batches that a worker holds: one that is scored and one that waits, so that it is never idle
LOOK = 5.0  # seconds after which times are looked at, at the latest

WAITS, PLACED, STARTS_UP, UP, AWAY, GONE = "waits for room", "placed", "starts", "up", "does not answer", "given up"


class Place(NamedTuple):
    """A node of a cluster, and its name."""

    id: str
    name: str


@dataclasses.dataclass(eq=False)
class Job:
    """A batch, how many workers have died while they scored it, and its scores when they are there."""

    batch: RowBatch
    deaths: int = 0
    scores: Arrays | None = None


@dataclasses.dataclass(eq=False)
class Seat:
    """The place of one worker, which several may hold one after the other.

    Attributes
    ----------
    patience : Patience
        For room, and then for its process.
    state : str
    started : bool
        Whether the worker has been up.
    away : Patience, optional
        For an answer, since the last scores.
    node : str
        Where the worker is.
    actor
        The worker, as Ray has it.
    deaths : int
        While it started, in a row.
    tasks : dict of task to Job or None
        What the worker was asked, in order; None for whether it answers, or has started.
    suspect : Job, optional
        What it scored when it stopped to answer.
    """

    patience: Patience
    state: str = WAITS
    started: bool = False
    away: Patience | None = None
    node: str = ""
    actor: Any = None
    deaths: int = 0
    tasks: dict[Any, Job | None] = dataclasses.field(default_factory=dict)
    suspect: Job | None = None

    @property
    def scoring(self) -> Job | None:
        """What the worker scores; batches behind it wait."""
        return next((job for job in self.tasks.values() if job is not None), None)


class Pool:
    """Workers, and the batches that they score.

    A worker is made where there is room for it, then asked to start, and gets batches once it is up. One that dies is
    made anew, and its batches are scored again. One that does not answer is asked again until a minute is over; others
    score its batches meanwhile.

    Parameters
    ----------
    ray : module
    count : int
        Workers.
    place : callable
        count -> the nodes that have room now for that many workers, or for fewer, and a text of what is waited for.
    make : callable
        node -> a worker, with methods `answer`, `start` and `score`.
    start : callable
        worker -> the task of its start.
    score : callable
        (worker, batch) -> the task of its scores.
    clock, sleep : callable
    """

    def __init__(
        self,
        ray: Any,
        count: int,
        place: Callable[[int], tuple[Sequence[Place], str]],
        make: Callable[[str], Any],
        start: Callable[[Any], Any],
        score: Callable[[Any, RowBatch], Any],
        clock: Clock = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._ray, self._place, self._make, self._start, self._score = ray, place, make, start, score
        self._clock, self._sleep = clock, sleep
        self.seats = [Seat(Patience(clock)) for _ in range(count)]
        self._queue: deque[Job] = deque()
        self._said: set[str] = set()
        self._last = ""

    def scored(self, batches: Iterator[RowBatch]) -> Iterator[tuple[RowBatch, Arrays]]:
        """Yield batches with their scores, in order."""
        order: deque[Job] = deque()
        left: Iterator[RowBatch] | None = batches
        while True:
            self._tend()
            while left is not None and len(order) < EACH * max(1, len(self._in(UP))):
                batch = next(left, None)
                if batch is None:
                    left = None
                    break
                order.append(Job(batch))
                self._queue.append(order[-1])
            self._hand_out()
            if order and order[0].scores is not None:
                job = order.popleft()
                yield job.batch._replace(x=None), job.scores  # type: ignore[misc]
            elif not order and left is None:
                return
            elif len(self._in(GONE)) == len(self.seats):
                raise WorkerError(self._last)
            elif order:
                self._listen()

    def _in(self, *states: str) -> list[Seat]:
        return [seat for seat in self.seats if seat.state in states]

    def _hand_out(self) -> None:
        """Give waiting batches to the workers with the fewest."""
        while self._queue:
            free = [seat for seat in self._in(UP) if len(seat.tasks) < EACH]
            if not free:
                return
            seat = min(free, key=lambda each: len(each.tasks))
            job = self._queue.popleft()
            seat.tasks[self._score(seat.actor, job.batch)] = job

    def _tend(self) -> None:
        """Do what is due: make workers, ask those that do not answer, and give up what took too long."""
        for seat in self._in(AWAY):
            assert seat.away is not None
            if seat.away.over:
                self._died(seat, "it did not answer for a minute")
            elif seat.away.due and not seat.tasks:
                seat.away.asked()
                seat.tasks[seat.actor.answer.remote()] = None
        for seat in self._in(PLACED):
            if seat.patience.over:
                self._dismiss(seat)
                self._give_up(seat, f"a worker on {seat.node} was not started by Ray within a minute")
        waiting = [seat for seat in self._in(WAITS) if seat.patience.due]
        if waiting:
            self._make_workers(waiting)

    def _make_workers(self, waiting: list[Seat]) -> None:
        nodes, text = self._place(len(waiting))
        for seat, node in zip(waiting, nodes, strict=False):
            seat.node, seat.actor = node.name, self._make(node.id)
            seat.state, seat.patience = PLACED, Patience(self._clock)
            seat.tasks[seat.actor.answer.remote()] = None
        for seat in waiting[len(nodes) :]:
            if seat.patience.over:
                self._give_up(seat, f"{text}; a minute is over")
            else:
                seat.patience.asked()
        if len(nodes) < len(waiting) and any(seat.state == WAITS for seat in waiting):
            self._say(text)

    def _listen(self) -> None:
        """Wait until a task is done, or something is due."""
        tasks = {task: seat for seat in self.seats for task in seat.tasks}
        times = [seat.patience.next for seat in self._in(WAITS)]
        times += [seat.away.next for seat in self._in(AWAY) if seat.away is not None]
        seconds = min(LOOK, max(0.05, min(times, default=LOOK + self._clock()) - self._clock()))
        if not tasks:
            self._sleep(seconds)
            return
        done, _ = self._ray.wait(list(tasks), num_returns=1, timeout=seconds)
        for task in done:
            self._receive(tasks[task], task)

    def _receive(self, seat: Seat, task: Any) -> None:
        """Take what a task has returned; what the worker has raised is raised here."""
        errors = self._ray.exceptions
        try:
            value = self._ray.get(task)
        except errors.RayTaskError as error:
            if seat.started or isinstance(error.cause, WorkerError):
                raise error.cause from error
            raise WorkerError(
                f"a worker on {seat.node} could not start; is the model under the same path there? {error.cause}"
            ) from error
        except errors.ActorUnavailableError:
            self._unavailable(seat)
        except errors.RayError as error:
            if getattr(error, "actor_init_failed", False):
                raise WorkerError(
                    f"a worker could not start; is the package there? {str(error).strip().splitlines()[-1]}"
                ) from error
            self._died(seat, str(error).strip().splitlines()[0])
        else:
            self._returned(seat, seat.tasks.pop(task), value)

    def _returned(self, seat: Seat, job: Job | None, value: Any) -> None:
        if job is not None:
            job.scores, seat.away, seat.suspect = value, None, None
        elif seat.state == STARTS_UP or seat.started:
            seat.state, seat.started, seat.deaths = UP, True, 0
        else:
            seat.state, seat.away = STARTS_UP, None
            seat.tasks[self._start(seat.actor)] = None

    def _unavailable(self, seat: Seat) -> None:
        """Take the batches of a worker that does not answer: this is no death, and it is asked again."""
        self._say(f"a worker on {seat.node} does not answer; it is asked again for up to a minute")
        seat.suspect = seat.suspect or seat.scoring
        self._take_back(seat)
        seat.away = seat.away or Patience(self._clock)
        if seat.state != AWAY:
            seat.state = AWAY
            seat.away.asked()

    def _died(self, seat: Seat, how: str) -> None:
        """Count a death, once for each worker, and have another made in its place."""
        scored = seat.suspect or seat.scoring
        self._take_back(seat)
        self._dismiss(seat)
        if not seat.started:
            seat.deaths += 1
            if seat.deaths == STARTS:
                text = f"a worker on {seat.node} died {STARTS} times while it started; is there memory for all of them?"
                self._give_up(seat, f"{text} {how}")
                return
            self._say(f"a worker on {seat.node} died while it started, and is started again; {how}")
        elif scored is not None:
            self._blame(scored, seat.node, how)
        seat.state, seat.started, seat.suspect, seat.away = WAITS, False, None, None
        seat.patience = Patience(self._clock)

    def _blame(self, job: Job, node: str, how: str) -> None:
        """Count a death for the batch that was scored; the same rows may kill every worker."""
        job.deaths += 1
        rows = f"rows {job.batch.rows.start} to {job.batch.rows.stop}"
        if job.deaths > RETRIES:
            raise WorkerError(
                f"{rows}: a worker died {job.deaths} times while it scored them; is there memory for all of them? {how}"
            )
        self._say(f"a worker died on {node} while it scored {rows}, which are scored again; {how}")

    def _take_back(self, seat: Seat) -> None:
        """Put the batches of a worker before those that wait."""
        jobs = [job for job in seat.tasks.values() if job is not None]
        self._queue.extendleft(reversed(jobs))
        seat.tasks.clear()

    def _dismiss(self, seat: Seat) -> None:
        """End what may be left of a worker."""
        with suppress(Exception):  # of Ray, which no longer knows it
            self._ray.kill(seat.actor)
        seat.actor = None
        seat.tasks.clear()

    def _give_up(self, seat: Seat, text: str) -> None:
        seat.state, self._last = GONE, text
        left = len(self.seats) - len(self._in(GONE))
        if left:
            self._say(f"{text}; the run goes on with {left} of {len(self.seats)} workers")

    def _say(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            logger.warning(text)
