"""The application beneath every door but the command line: REST, MCP and pages ask here, in one way.

questions   what may be asked, as typed data, made from the table of verbs
given       the spectra of a question: ids of the base, arrays, or files that came with it
asking      from a question to rows, the same that the command line prints
jobs        questions that run in the background: progress, a limit of time, a way to stop them
room        what is asked for again is kept in memory, up to so many bytes
shelf       the bases that are served
hunting     hunts and searches for outliers, found again by what they ask, and their ranked lists
marks       what people say of candidates: journals, agreement, labels made of them
handover    candidates and marks as files for other programs
samp        tables and spectra to and from other programs on this machine
looking     bases, their objects and their spectra, without any question
problems    whatever was refused or went wrong, in one shape
"""
