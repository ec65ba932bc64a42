"""Puts settings on a task of a pipeline."""

from __future__ import annotations

from typing import Any

from kfp import kubernetes

from pipelines.platform.profile import Profile
from pipelines.platform.settings import Accelerator, Retry, Settings, Toleration


def apply_profile(task: Any, profile: Profile, settings: Settings) -> None:
    """Sets on a KFP task what a profile says of every step, and what one step asks for."""
    task.set_container_image(profile.image)
    kubernetes.set_image_pull_policy(task, profile.image_pull_policy)
    if profile.image_pull_secrets:
        kubernetes.set_image_pull_secrets(task, list(profile.image_pull_secrets))
    _apply_resources(task, settings)
    _apply_placement(task, settings)
    _apply_pod(task, settings)
    if settings.retry and settings.retry.times:
        _apply_retry(task, settings.retry)
    if settings.timeout_seconds:
        kubernetes.set_timeout(task, settings.timeout_seconds)


def _apply_resources(task: Any, settings: Settings) -> None:
    if settings.cpu:
        task.set_cpu_request(settings.cpu.request).set_cpu_limit(settings.cpu.limit)
    if settings.memory:
        task.set_memory_request(settings.memory.request).set_memory_limit(settings.memory.limit)
    if settings.accelerator and settings.accelerator.count:
        task.set_accelerator_type(settings.accelerator.resource).set_accelerator_limit(settings.accelerator.count)


def _apply_placement(task: Any, settings: Settings) -> None:
    selector = dict(settings.node_selector)
    if settings.accelerator and settings.accelerator.count:
        _apply_products(task, settings.accelerator, selector)
    for label, value in selector.items():
        kubernetes.add_node_selector(task, label, value)
    for toleration in settings.tolerations or ():
        _apply_toleration(task, toleration)


def _apply_products(task: Any, accelerator: Accelerator, selector: dict[str, str | None]) -> None:
    """One product is a selector; any of several can only be said as an affinity."""
    if len(accelerator.products) == 1:
        selector[accelerator.label] = accelerator.products[0]
    elif accelerator.products:
        wanted = {"key": accelerator.label, "operator": "In", "values": list(accelerator.products)}
        kubernetes.add_node_affinity(task, match_expressions=[wanted])


def _apply_toleration(task: Any, toleration: Toleration) -> None:
    kubernetes.add_toleration(
        task, key=toleration.key, operator=toleration.operator, value=toleration.value, effect=toleration.effect
    )


def _apply_pod(task: Any, settings: Settings) -> None:
    for label, value in settings.labels.items():
        kubernetes.add_pod_label(task, label, value)
    for name, value in settings.env.items():
        task.set_env_variable(name, value)
    for mount in settings.mounts or ():
        kubernetes.mount_pvc(task, mount.claim, mount.path, mount.sub_path)
    for secret in settings.secrets or ():
        kubernetes.use_secret_as_volume(task, secret.secret, secret.path)


def _apply_retry(task: Any, retry: Retry) -> None:
    task.set_retry(
        retry.times,
        backoff_duration=f"{retry.wait_seconds}s",
        backoff_factor=retry.factor,
        backoff_max_duration=f"{retry.longest_seconds}s",
    )
