"""`tollbridge demo`: a history of several customers goes in; what comes out is held against what should."""
