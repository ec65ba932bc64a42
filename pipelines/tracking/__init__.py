"""What a run tells MLflow and TensorBoard, read from its folder beside the training, never in its way."""
