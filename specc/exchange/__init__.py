"""Results in and out: studies as folders of Parquet, and results of other tools as experiments.

study       write a study to a folder             (`specc export --study FOLDER`)
opening     that folder as a workspace again      (`-w FOLDER`, `specc.open(FOLDER)`)
bringing    results of other tools into one       (`specc import SOURCE`)
"""
