"""A small seeded world, shipped in the file formats of the real releases, defects included.

Everything here speaks of one subject, coloured shapes on a light background: text about them, captioned pictures of
them, conversations and held-out questions about the pictures. So a model of a few million parameters can learn it on
a CPU, and a test can know every right answer, while the readers see the layout that the real data has.
"""
