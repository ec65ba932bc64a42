"""Why a pod waits."""
