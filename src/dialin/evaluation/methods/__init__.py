"""Methods that answer tasks: baselines, searches, peers, and slots for trained systems.

============================  =====================================================================
``untouched``                 the input as it is
``random``                    settings drawn as the protocol draws them
``default``                   the effect's own default
``mean``                      mean of settings that make sense on songs of the training split
``nearest[:ENCODER]``         the stored setting whose sound is nearest to the reference
``rules``                     spectrum by EQ, crest by compression, level; no effect of one's own
``search:N``                  dialin's matching with N renders
``refine:N:FOLDER``           the same, beginning with a trained controller's answer
``pick:ENCODER:N``            N random settings, the nearest to the reference wins
``st-ito:ENCODER:N``          CMA-ES on the distance of embeddings, N renders (ST-ITO's recipe)
``matchering:PYTHON``         Matchering in an environment of its own (its python)
``model:FOLDER``              a model folder of dialin's, such as a controller's
``system:CODE:FOLDER``        a system of one's own, CODE being ``package.module/factory``; see
                              `dialin.evaluation.methods.systems`
``true``                      the true settings, for checks of a protocol
============================  =====================================================================

``{effect}`` in a FOLDER stands for the name of the task's effect, as its URI ends.
ENCODER is ``mfcc``, ``mel``, or ``package.module:factory`` with a ``/`` in place of the colon.
"""

from dialin.evaluation.methods.method import Method, Outcome, Tools
from dialin.evaluation.methods.parse import ALL_BASELINES, get_method

__all__ = ["ALL_BASELINES", "Method", "Outcome", "Tools", "get_method"]
