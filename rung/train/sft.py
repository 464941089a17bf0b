"""SFT: the loss of texts, and a run of it.

Cross-entropy on the tokens to learn and on no other. The head, which is the largest matrix of a
small model, sees only the places whose logits count. How steps are taken is in `loop.py`, what is
learnt in `texts.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from rung.train.batches import Layout, in_passes, lay_out
from rung.train.loop import History, Loss, Progress, Settings, run_loop
from rung.train.losses import TOKENS_AT_ONCE, add_up
from rung.train.precision import computing
from rung.train.texts import Text, texts_hash

if TYPE_CHECKING:
    from rung.train.methods import Job

CHECKPOINT = "checkpoint.safetensors"


def train(job: Job) -> History:
    """Train on the job's texts; satisfies `Method`."""
    return sft(
        job.model,
        job.texts,
        job.settings,
        checkpoint=job.folder / CHECKPOINT,
        dev=job.dev,
        judge_start=job.goes_on,
        tell=job.tell,
    )


def sft(
    model: Any,
    texts: Sequence[Text],
    settings: Settings,
    *,
    checkpoint: Path,
    dev: Sequence[Text] = (),
    score: Callable[[], float] | None = None,
    judge_start: bool = False,
    tell: Callable[[Progress], None] = lambda progress: None,
) -> History:
    """Train on texts, stopping early on the loss of `dev`, or on 1 - `score()` where it is given.

    The model keeps the best weights. See `run_loop` for what it raises and how it resumes.
    """
    judge: Callable[[], float] | None = None
    if score is not None:
        judge = partial(_lack, score)
    elif dev:
        judge = partial(dev_loss, model, dev)
    return run_loop(
        model,
        texts,
        batch_loss,
        settings,
        length=lambda text: len(text.tokens),
        checkpoint=checkpoint,
        judge=judge,
        judge_start=judge_start,
        tell=tell,
        identity=texts_hash(texts),
    )


def _lack(score: Callable[[], float]) -> float:
    return 1.0 - score()


def batch_loss(model: Any, texts: Sequence[Text]) -> Loss:
    """Return the loss of a batch, computed in as many passes as its length asks for.

    Its gradient is that of `text_loss`: every token to learn counts the same.
    """
    passes = in_passes([len(text.tokens) for text in texts], TOKENS_AT_ONCE)
    total = sum(text.num_trained for text in texts)
    done: list[Loss] = []

    def part(some: Sequence[Text]) -> torch.Tensor:
        done.append(text_loss(model, some))
        return done[-1].value * (done[-1].num_trained / total)

    return Loss(
        value=add_up([partial(part, [texts[at] for at in some]) for some in passes]),
        num_trained=total,
        num_tokens=sum(loss.num_tokens for loss in done),
        num_evaluated=sum(loss.num_evaluated for loss in done),
    )


def text_loss(model: Any, texts: Sequence[Text]) -> Loss:
    """Return the mean cross-entropy, in nats, of the tokens to learn."""
    layout = lay_out(texts, pad=0)
    logits = place_logits(model, layout)
    labels = torch.tensor(layout.labels, device=logits.device)
    loss = torch.nn.functional.cross_entropy(logits, labels)
    return Loss(
        value=loss,
        num_trained=len(layout.labels),
        num_tokens=layout.num_real,
        num_evaluated=layout.num_evaluated,
    )


def token_logprobs(model: Any, texts: Sequence[Text]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the log-probability, in nats, of each token to learn, and which text it is of.

    Both of shape (tokens,), text by text.
    """
    layout = lay_out(texts, pad=0)
    logprobs = torch.log_softmax(place_logits(model, layout), dim=-1)
    labels = torch.tensor(layout.labels, device=logprobs.device)
    rows = torch.tensor([row for row, _ in layout.places], device=logprobs.device)
    return logprobs.gather(1, labels[:, None])[:, 0], rows


def text_logprobs(model: Any, texts: Sequence[Text]) -> torch.Tensor:
    """Return each text's log-probability, in nats: the sum over its tokens to learn, (texts,)."""
    of_tokens, rows = token_logprobs(model, texts)
    return torch.zeros(len(texts), device=of_tokens.device).index_add(0, rows, of_tokens)


def dev_loss(model: Any, texts: Sequence[Text]) -> float:
    """Return the mean cross-entropy over all tokens to learn, without dropout or gradient."""
    was_training = model.training
    model.eval()
    total, count = 0.0, 0
    try:
        with torch.no_grad():
            order = sorted(texts, key=lambda text: len(text.tokens))
            for some in in_passes([len(text.tokens) for text in order], TOKENS_AT_ONCE):
                loss = text_loss(model, [order[at] for at in some])
                total += loss.value.item() * loss.num_trained
                count += loss.num_trained
    finally:
        model.train(was_training)
    return total / count


def place_logits(model: Any, layout: Layout) -> torch.Tensor:
    """Return the logits at the places of a layout, (places, vocab), in 32 bits."""
    device = next(model.parameters()).device
    rows = torch.tensor(layout.rows, device=device)
    given: dict[str, Any] = {"input_ids": rows, "use_cache": False}
    if layout.prefix:
        with computing(model, len(layout.prefix)):
            given = {"input_ids": rows} | _behind_prefix(model, layout, device)
    columns = len(layout.prefix) + len(layout.rows[0])
    with _head_sees(model, layout, device), computing(model, columns):
        logits: torch.Tensor = model(**given).logits
    return logits.float()


def _behind_prefix(model: Any, layout: Layout, device: Any) -> dict[str, Any]:
    """Evaluate the shared prefix once; return what puts every row behind it."""
    prefix = torch.tensor([layout.prefix], device=device)
    answer = model(input_ids=prefix, use_cache=True, logits_to_keep=1)
    name = "cache" if getattr(answer, "cache", None) is not None else "past_key_values"
    cache = answer[name]
    cache.batch_repeat_interleave(len(layout.rows))
    return {name: cache, "use_cache": True}


@contextmanager
def _head_sees(model: Any, layout: Layout, device: Any) -> Iterator[None]:
    """Let the head see the places of a layout only; its answer is (places, vocab)."""
    rows, columns = torch.tensor(layout.places, device=device).T
    head = model.get_output_embeddings()
    hook = head.register_forward_pre_hook(lambda module, args: (args[0][rows, columns],))
    try:
        yield
    finally:
        hook.remove()
