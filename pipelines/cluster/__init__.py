"""What is asked of a cluster from outside it: runs, its health, why a pod waits."""
