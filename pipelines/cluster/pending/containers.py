"""Pods that have a node, and whose containers don't begin or don't answer."""

from __future__ import annotations

from pipelines.cluster.pending.snapshot import Cause, Container, Pod, Surroundings

_PULL = ("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "RegistryUnavailable")
_CONFIG = ("CreateContainerConfigError", "CreateContainerError", "RunContainerError")
_CRASH = "CrashLoopBackOff"
_MOUNT = ("FailedMount", "FailedMapVolume")
_ATTACH = "FailedAttachVolume"
_SANDBOX = "FailedCreatePodSandBox"


def container_causes(pod: Pod) -> tuple[Cause, ...]:
    """What is wrong with each container that waits."""
    return tuple(cause for one in pod.containers if (cause := _cause(one, pod)))


def volume_causes(pod: Pod, around: Surroundings) -> tuple[Cause, ...]:
    """What the kubelet says last of the volumes or the network of a pod that it can't begin."""
    said = [one for one in around.events if (one.kind, one.name) == ("Pod", pod.name)]
    last = next((one for one in reversed(said) if one.reason in (*_MOUNT, _ATTACH, _SANDBOX)), None)
    if last is None or pod.phase != "Pending":
        return ()
    describe = f"kubectl describe pod -n {pod.namespace} {pod.name}"
    if last.reason == _ATTACH:
        fix = f"end the pod of another node that has the volume, or use a claim that is ReadWriteMany: {describe}"
        return (Cause("volume", f"a volume can't be attached to its node: {last.message}", fix),)
    if last.reason == _SANDBOX:
        return (Cause("sandbox", f"the node can't make it: {last.message}", describe),)
    fix = f"make what is missing, or mend its name: {describe}"
    return (Cause("volume", f"a volume can't be mounted: {last.message}", fix),)


def probe_cause(pod: Pod, around: Surroundings) -> Cause:
    """Why a pod that runs isn't ready."""
    said = [one.message for one in around.events if one.name == pod.name and one.reason == "Unhealthy"]
    what = said[-1] if said else "its readiness probe hasn't passed yet"
    return Cause("unready", what, f"kubectl logs -n {pod.namespace} {pod.name} --all-containers --tail 50")


def _cause(one: Container, pod: Pod) -> Cause | None:
    facts = {"container": one.name, "image": one.image, "reason": one.reason}
    said = f": {one.message}" if one.message else ""
    if one.reason in _PULL:
        return Cause("image", f"image {one.image} of container {one.name} isn't to be had{said}", _pull_fix(one), facts)
    if one.reason in _CONFIG:
        fix = f"make what is missing, or mend its name: kubectl describe pod -n {pod.namespace} {pod.name}"
        return Cause("config", f"container {one.name} can't be made{said}", fix, facts)
    if one.reason == _CRASH:
        fix = f"kubectl logs -n {pod.namespace} {pod.name} -c {one.name} --previous"
        return Cause("crash", f"container {one.name} ends again and again{said}", fix, facts)
    return None


def _pull_fix(one: Container) -> str:
    if one.reason == "ErrImageNeverPull":
        return f"load {one.image} onto the node, or let it be pulled (imagePullPolicy: IfNotPresent)"
    if one.reason == "InvalidImageName":
        return "mend the image's name"
    return "check its name and tag, that the node reaches the registry, and the pull secret (image_pull_secrets)"
