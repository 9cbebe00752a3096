"""Kafka: the producer, the topics, and Faust's consumer made safe."""
