"""Answers of resolvers to pods that may reach hosts by name: held, understood, learnt, and passed on."""
