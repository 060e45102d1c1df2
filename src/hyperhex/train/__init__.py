"""Classifiers of event records: mixture of theories, single theories, unsupervised."""
