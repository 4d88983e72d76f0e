/* tls.h: what threads need of their values. */
#ifndef PTI_TLS_H
#define PTI_TLS_H

/* The calling thread ends: run the destructors of its values, and free what kept them. */
void pti_tls_end(void);

/* Around a fork. */
void pti_tls_before_fork(void);
void pti_tls_after_fork(void);

#endif
