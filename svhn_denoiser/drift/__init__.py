"""Were these pictures what the model was trained for? Where the answer to `svhn-denoiser drift` comes from.

`features` measures pictures, `comparison` tests the measurements, `words` says what the tests mean: functions of
arrays. `collection` reads pictures from disk, `page` shows the answer, `command` is the command.
"""
